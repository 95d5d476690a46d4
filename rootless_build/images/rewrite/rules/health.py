"""`HEALTHCHECK --start-interval`."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import made
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.context import At
from rootless_build.images.rewrite.features import Feature


def start_interval(instruction: Instruction, at: At) -> tuple[Instruction, ...] | None:
    """Take the flag away; the image then lacks it."""
    if instruction.flag("start-interval") is None or at.has(Feature.START_INTERVAL):
        return None
    at.inexact("health", Feature.START_INTERVAL, "the image has no start interval")
    flags = tuple(flag for flag in instruction.flags if flag.name != "start-interval")
    return (made(instruction, flags, instruction.body, instruction.json),)
