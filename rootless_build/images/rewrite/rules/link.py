"""`COPY --link`: how a layer is stored, and nothing about what is in it."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import without
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def link(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Take the flag away. The files are the same unless a directory on the way is a link."""
    if instruction.flag("link") is None:
        return None
    at.note("link", f"--link left out: {at.work.builder.why(Feature.LINK)}")
    return (without(instruction, "link"),)
