"""The instruction with which a build ends."""

from __future__ import annotations

from rootless_build.images.containerfile.file import text_of
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Given, split, target_of
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.plan import BuildImage


def last_instruction(step: BuildImage) -> Instruction | None:
    """That of the stage which is wanted; None where there is none, or the file can't be read."""
    try:
        file = parse(text_of(step))
    except (OSError, ContainerfileError):
        return None
    _, stages = split(file, Given.of(file, step))
    number = target_of(step.target, stages) if step.target else len(stages) - 1
    if number is None or number < 0:
        return None
    stage = stages[number]
    return stage.instructions[-1] if stage.instructions else stage.begin
