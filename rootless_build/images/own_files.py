"""What rbuild itself writes into a project never reaches a build context.

Its provenance stands in the bundles, and where no ignore file names these, each build would change
the context of the next: an image that is never built the last time. The same goes for staging
directories, and for records and caches whose XDG directory is in the project.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.plan import BuildImage, Plan
from rootless_build.model.structs import replace

SIGNED: Final = "provenance.intoto.jsonl"
PROVENANCE: Final = ("provenance.intoto.json", SIGNED)
"""The statement in each bundle, and the same signed (`rootless_build.bundles.statement`)."""
_BELOW: Final = ("", "*/", "*/*/")
"""Where a bundle is, below the bundles directory: `NAME`, or `VERSION/NAME`."""
_SPECIAL: Final = re.compile(r"[\\*?\[]")


class OwnFiles(Struct, frozen=True):
    """Places in which a run writes files of rbuild's own, all of them absolute.

    `bundles` are bundles directories, `beside` those in which private directories are for a moment,
    `temporary` is where temporary files go, `whole` are directories that hold nothing else.
    """

    bundles: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()
    temporary: Path | None = None
    whole: tuple[Path, ...] = ()

    @classmethod
    def of(cls, plan: Plan, whole: Iterable[Path]) -> OwnFiles:
        """The own files of a run of the plan; `whole` are the directories of records and caches."""
        bundles = (plan.bundles.directory,) if plan.bundles else ()
        written = [
            Path(destination)
            for step in plan.steps
            if isinstance(step, BuildImage)
            for output in step.outputs
            if (destination := dict(output.attributes).get("dest"))
        ]
        beside = dict.fromkeys(path.parent for path in (*bundles, *written))
        return cls(bundles, tuple(beside), Path(tempfile.gettempdir()), tuple(whole))

    def and_file(self, file: Path | None) -> OwnFiles:
        """With a file of one build."""
        return self if file is None else replace(self, whole=(*self.whole, file))

    def rules(self, context: Path) -> tuple[str, ...]:
        """Lines of an ignore file that leave them out of a build context."""
        return tuple(dict.fromkeys(self._rules(Path(os.path.realpath(context)))))

    def find(self, context: Path) -> tuple[str, ...]:
        """The own files that are in the directory now, relative to it."""
        root = Path(os.path.realpath(context))
        found = (path for rule in self.rules(root) for path in root.glob(_to_glob(rule)))
        return tuple(str(path.relative_to(root)) for path in found)

    def _rules(self, context: Path) -> Iterator[str]:
        for place in self.bundles:
            if (inside := _inside(place, context)) is not None:
                yield from (f"{inside}{below}{name}" for below in _BELOW for name in PROVENANCE)
                yield f"{_parent(inside)}.{_escape(place.name)}.rbuild.*"
        for place in self.beside:
            if (inside := _inside(place, context)) is not None:
                yield f"{inside}.rbuild-[0-9]*"
        if self.temporary and (inside := _inside(self.temporary, context)) is not None:
            yield f"{inside}rbuild-[0-9]*"
        for place in self.whole:
            if inside := _inside(place, context):
                yield inside.rstrip("/")


def with_rules(text: str, rules: Iterable[str]) -> str:
    """The text of an ignore file with more lines; the last that matches decides."""
    # Lines end with \n and nothing else, and the project's own stay as they are.
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}" + "".join(f"{rule}\n" for rule in rules)


def _inside(place: Path, context: Path) -> str | None:
    """The pattern of a directory in the context, with a slash at its end; empty for the context."""
    real = Path(os.path.realpath(place))
    if not real.is_relative_to(context):
        return None
    return "".join(f"{_escape(part)}/" for part in real.relative_to(context).parts)


def _parent(inside: str) -> str:
    return inside[: inside.rstrip("/").rfind("/") + 1]


def _escape(name: str) -> str:
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", name)


def _to_glob(rule: str) -> str:
    """The rule as `Path.glob` has it."""
    return re.sub(r"\\(.)", r"[\1]", rule)
