"""What a rewritten containerfile is put together from: lines, stages, and the whole."""

from __future__ import annotations

from msgspec import Struct, field

from rootless_build.images.containerfile.stages import Scope, Stage
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.state import Rewrite


class Line(Struct, frozen=True):
    """An instruction of the new file, and the one of the old file that it stands for."""

    now: Instruction
    origin: Instruction | None


class Part(Struct):
    """A stage that is being rewritten."""

    number: int
    stage: Stage
    base: int | None
    """The stage that it goes on from."""
    lines: list[Line] = []
    scope: Scope = field(default_factory=Scope)


class Rewritten(Struct, frozen=True):
    """`text` is the new file. `heading` and `stages` are its lines; of the stages those that were
    added have lines without an origin. `files`: whether it needs the build context FILES.
    """

    text: str
    heading: tuple[Line, ...]
    stages: tuple[tuple[Line, ...], ...]
    files: bool
    rewrites: tuple[Rewrite, ...]
