"""What a rewrite rule works on: the state of one file for one build, and where the rule stands."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.grammar import error
from rootless_build.images.containerfile.stages import Given, Image, Scope
from rootless_build.images.containerfile.syntax import Containerfile, Instruction
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import Builder, Feature
from rootless_build.model.errors import ContainerfileError

FILES: Final = "rbuild-files"
"""The build context with the files that the rules make, where the step's own is needed too."""
_UNKNOWN: Final = "0" * 12


class Rewrite(Struct, frozen=True):
    """What a rule did to the instruction at `line`, and why.

    `differs` says what is not as it would be with BuildKit; empty for an exact rewrite. `refused`
    rewrites only occur in an explanation: a build ends with them.
    """

    rule: str
    line: int
    instruction: str
    why: str
    differs: str = ""
    refused: bool = False


class RewriteState(Struct):
    """A containerfile on its way to an engine: what is known of the build, what rules have done.

    `directory` is where files may be put; None: nothing is made, the rewrites are only explained.
    `contexts` are the build contexts of the step. `image` looks up what is in the engine's storage.
    """

    file: Containerfile
    builder: Builder
    given: Given
    content: BuildContext
    image: Callable[[str], Image | None]
    directory: Path | None = None
    contexts: tuple[tuple[str, str], ...] = ()
    allow_inexact: bool = False
    local: bool = True
    """Whether the engine sees this host's files."""
    locks: bool = True
    """Whether rbuild locks caches itself: those of another host are the engine's to lock."""
    locked: list[str] = []
    """The names of the caches that it locks."""
    rewrites: list[Rewrite] = []
    needs_files: bool = False
    needs_context: bool = True
    """Whether a RUN mounts the step's own build context. Without, files take its place: buildah
    1.33.7 (podman 4.9.3) takes no RUN from its cache that mounts a build context with a name.
    """
    secrets: dict[str, str] = {}
    """Secrets of the step under another name: that, and the one that they have there."""
    derived: list[tuple[str, str]] = []
    """Stages to be put before the others: the name, and what each starts from."""
    shared: dict[str, str] = {}
    """The names of those that nothing is written to, by what they start from."""
    count: int = 0

    @property
    def takes_files(self) -> bool:
        """Whether files can be given to the build beside its context."""
        return self.local and self.builder.has(Feature.BUILD_CONTEXT)

    @property
    def explains(self) -> bool:
        """Whether the rewrites are only explained, and no file is made for them."""
        return self.directory is None

    def add_file(self, name: str, content: bytes, mode: int = 0o644) -> str:
        """A file of that name in a directory of its own; its path in the context of files."""
        path = self.new_path(name)
        if self.directory is not None:
            file = self.directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
            # The time is part of what engines compare.
            os.utime(file, (0, 0))
        return path

    def new_path(self, name: str) -> str:
        """A path in the context of files where nothing is yet."""
        self.count += 1
        self.needs_files = True
        return f"{self.count}/{name}"

    def context_digest(self, source: str) -> str:
        """Twelve hex digits for what is at `source` in the build context."""
        return _UNKNOWN if self.explains else self.content.digest(source)[:12]

    def stage_upon(self, origin: str, *, shared: bool) -> str:
        """The name of a stage that is an image, and is forgotten after the build: one for all that
        share it, or one of its own.
        """
        if shared and origin in self.shared:
            return self.shared[origin]
        self.count += 1
        name = f"rbuild-{self.count}"
        self.derived.append((name, origin))
        if shared:
            self.shared[origin] = name
        return name


class Site(Struct):
    """Where a rule is applied: the instruction as the file has it, and what holds there."""

    work: RewriteState
    origin: Instruction
    scope: Scope

    def has(self, feature: Feature) -> bool:
        """Whether the builder does this as BuildKit does."""
        return self.work.builder.has(feature)

    def note(self, rule: str, why: str, differs: str = "", *, refused: bool = False) -> None:
        """Take down that a rule has rewritten the instruction, and why."""
        place = self.origin.line
        entry = Rewrite(rule, place, abbreviate(self.origin), why, differs, refused)
        if entry not in self.work.rewrites:
            self.work.rewrites.append(entry)

    def inexact(self, rule: str, feature: Feature, differs: str) -> None:
        """Take down what will differ. Raises ContainerfileError unless that is allowed."""
        why = self.work.builder.why(feature)
        if self.work.explains and self.work.builder.will_be_asked(feature):
            self.note(rule, why)
            return
        if not self.work.allow_inexact and not self.work.explains:
            raise self.error(
                f"{self.work.builder.shown} can't do this as BuildKit does ({why}): {differs}",
                "--allow-inexact builds it all the same; or use a newer engine",
            )
        self.note(rule, why, differs)

    def refuse(self, rule: str, feature: Feature, reason: str, hint: str = "") -> None:
        """Raises ContainerfileError for what can't be rewritten at all."""
        why = self.work.builder.why(feature)
        if not self.work.explains:
            message = f"{reason} ({why}; this is {self.work.builder.shown})"
            raise self.error(message, hint or "use a newer engine")
        self.note(rule, why, reason, refused=True)

    def error(self, message: str, hint: str = "") -> ContainerfileError:
        """An error at this instruction."""
        return error(self.work.file, self.origin, f"{abbreviate(self.origin)}: {message}", 0, hint)


def abbreviate(instruction: Instruction) -> str:
    """An instruction in a few words, as progress and errors have it."""
    text = instruction.text
    if instruction.heredocs:
        lines = [line.strip() for line in instruction.heredocs[0].text.splitlines()]
        first = next((line for line in lines if line), "")
        text += f" ({first}{'…' if len(lines) > 1 else ''})" if first else ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_LONGEST: Final = 200


def fingerprint(*parts: str) -> str:
    """Twelve hex digits of these texts."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode(errors="surrogateescape") + b"\0")
    return total.hexdigest()[:12]
