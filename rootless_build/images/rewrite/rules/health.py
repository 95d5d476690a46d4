"""`HEALTHCHECK --start-interval`."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import with_parts
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def start_interval(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Take the flag away; the image then lacks it."""
    if instruction.flag("start-interval") is None:
        return None
    at.inexact("health", Feature.START_INTERVAL, "the image has no start interval")
    flags = tuple(flag for flag in instruction.flags if flag.name != "start-interval")
    return (with_parts(instruction, flags, instruction.body, instruction.json),)
