"""What a rewritten containerfile is put together from: lines, stages, and the whole."""

from __future__ import annotations

from msgspec import Struct

from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.state import Rewrite


class Line(Struct, frozen=True):
    """An instruction of the new file, and the one of the old file that it stands for."""

    now: Instruction
    origin: Instruction | None


class Rewritten(Struct, frozen=True):
    """`text` is the new file. `stages` are its lines; those that were added have lines without an
    origin. `files`: the name of the build context with files that it needs, None without any; empty
    for the step's own context. `secrets` are the other names that it has for secrets of the step,
    with those that they have there; `locked` are caches to be locked.
    """

    text: str
    stages: tuple[tuple[Line, ...], ...]
    files: str | None
    rewrites: tuple[Rewrite, ...]
    secrets: tuple[tuple[str, str], ...] = ()
    locked: tuple[str, ...] = ()
