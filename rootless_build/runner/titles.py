"""What a step is called when it is told to a person."""

from __future__ import annotations

import re
import shlex
from typing import Final, assert_never

from rootless_build.model import outputs, references
from rootless_build.model.plan import (
    BuildImage,
    Call,
    CheckContainerfile,
    HostCommand,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)

_CONTINUATION: Final = re.compile(r"[ \t]*(?<!\\)\\\n[ \t]*")
"""Where a command goes on in the next line, which says nothing to who reads it in one."""
_QUESTIONS: Final = {
    Call.OUTLINE: "what can be given to",
    Call.TARGETS: "the targets of",
    Call.DESCRIBE: "what can be asked about",
}


def title(step: Step) -> str:
    """One line that tells a person what the step does."""
    match step:
        case BuildImage():
            return f"build {_what_is_built(step)}"
        case CheckContainerfile():
            return f"{_QUESTIONS.get(step.call, step.call.value)} {build_name(step.build)}"
        case RunContainer():
            return f"run {shlex.join(step.command) or step.image}"
        case HostCommand() | Unexpanded():
            return _CONTINUATION.sub(" ", step.script)
        case _:
            return _other_title(step)


def _other_title(step: TagImage | PullImage | RemoveVolume) -> str:
    match step:
        case TagImage():
            return f"tag {step.image} as {step.name}"
        case PullImage():
            return f"pull {step.image}"
        case RemoveVolume():
            return f"remove volumes {' '.join(step.names)}"
    assert_never(step)


def build_name(step: BuildImage) -> str:
    """The build's own in a bake file, else the stage's or the directory's."""
    if step.origin is not None and step.origin.names_build:
        return step.origin.target
    return step.target or step.context.name


def _what_is_built(step: BuildImage) -> str:
    """The target or the image, or the stage and where its files go."""
    name, bake = build_name(step), step.origin is not None and step.origin.names_build
    platform = f" for {', '.join(step.platforms)}" if step.platforms else ""
    if outputs.keeps_image(step):
        tag = next((tag for tag in step.tags if not tag.startswith(references.OWN)), "")
        if bake and tag:
            return f"{name}, image {tag}{platform}"
        return f"image {tag or name}{platform}"
    places = ", ".join(str(outputs.destination(output)) for output in outputs.written(step))
    return f"{name}{platform} into {places or 'the cache'}"
