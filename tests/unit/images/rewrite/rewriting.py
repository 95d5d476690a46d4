"""A containerfile rewritten for an engine, without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Given, Image
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import NO_ANSWERS, Answers, of
from rootless_build.images.rewrite.parts import Rewritten
from rootless_build.images.rewrite.rewriter import rewrite
from rootless_build.images.rewrite.state import RewriteState
from rootless_build.model import platforms

OLD = "buildah 1.28.2"


class Rewriting:
    """What became of a file: `lines` are those of the last stage but its FROM."""

    def __init__(
        self,
        directory: Path,
        text: str,
        engine: str = OLD,
        *,
        args: Mapping[str, str] | None = None,
        images: Mapping[str, Image] | None = None,
        target: str | None = None,
        allow: bool = False,
        explain: bool = False,
        local: bool = True,
        locks: bool = True,
        contexts: Mapping[str, str] | None = None,
        answers: Answers = NO_ANSWERS,
    ) -> None:
        found = of(engine, answers)
        assert found is not None
        self.files = directory / "files"
        self.files.mkdir(exist_ok=True)
        (directory / "context").mkdir(exist_ok=True)
        self.work = RewriteState(
            parse(text),
            found,
            Given(args or {}, platforms.arguments(None)),
            BuildContext(directory / "context"),
            (images if images is not None else {"base": Image()}).get,
            None if explain else self.files,
            contexts=tuple((contexts or {}).items()),
            allow_inexact=allow,
            local=local,
            locks=locks,
        )
        self.normal: Rewritten | None = rewrite(self.work, target)

    @property
    def text(self) -> str:
        assert self.normal is not None
        return self.normal.text

    @property
    def lines(self) -> list[str]:
        assert self.normal is not None
        return [line.now.text for line in self.normal.stages[-1][1:]]

    @property
    def rules(self) -> set[str]:
        return {rewrite.rule for rewrite in self.normal.rewrites} if self.normal else set()


def last(directory: Path, line: str, engine: str = OLD, **options: object) -> list[str]:
    """What one instruction on an image `base` becomes."""
    return Rewriting(directory, f"FROM base\n{line}\n", engine, **options).lines  # type: ignore[arg-type]


def same(directory: Path, line: str, engine: str = OLD, **options: object) -> bool:
    """Whether the instruction needs nothing."""
    made = Rewriting(directory, f"FROM base\n{line}\n", engine, **options)  # type: ignore[arg-type]
    return made.normal is None
