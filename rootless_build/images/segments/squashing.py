"""`--squash`: all that a build adds to the image that it starts from is one layer."""

from __future__ import annotations

from typing import Final

from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers.request import Becoming
from rootless_build.images.segments.steps import State, Steps
from rootless_build.model.events import StepReporter
from rootless_build.model.structs import replace

_SQUASHED: Final = "# squash"
"""What the history says of the layer; those of the instructions are told as having none."""


def squashed(state: State, steps: Steps, instruction: Instruction, reporter: StepReporter) -> State:
    """The state with one layer above those of the image from outside that its stages go back to.

    `instruction` is named where that can't be made. Raises LayerOfError, RbuildError.
    """
    image = state.begun.image
    base = steps.configuration_of(image) if image is not None else None
    below = base.layers if base is not None else ()
    if len(state.configuration.layers) <= len(below):
        return state
    whole = steps.intermediate(state, reporter)
    configuration = replace(state.configuration, layers=below)
    begun = replace(state, files=state.begun, configuration=configuration)
    made, _ = steps.copy(begun, [(instruction, Becoming(whole.files.directories))])
    kept = len(base.history) if base is not None else 0
    return replace(made, configuration=_told(made.configuration, kept))


def _told(configuration: Configuration, kept: int) -> Configuration:
    """With a history in which all after the first ones, which are `kept`, has but one layer."""
    before, new = configuration.history[:kept], configuration.history[kept:]
    entries = (replace(entry, empty_layer=True) for entry in new)
    last = History(LONG_AGO, _SQUASHED, comment=BUILDKIT)
    return replace(configuration, history=(*before, *entries, last))
