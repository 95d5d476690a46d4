"""The configuration of the image that a build ends with: its labels, and when it was made."""

from __future__ import annotations

from pathlib import Path

from rootless_build.backend.api import LABEL_IMAGE
from rootless_build.images import configuration as configurations
from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.segments.moments import Moments, epoch_of
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace


def finished(configuration: Configuration, step: BuildImage, data: Path | None) -> Configuration:
    """That of the step's image, of the one that its last stage comes to; `data` is the user's
    directory for what is kept. Raises RecipeError.
    """
    whole = _labelled(configuration, step)
    created = Moments(data).of(configurations.write(whole), epoch_of(step))
    return dated(whole, created)


def dated(configuration: Configuration, created: str) -> Configuration:
    """The configuration of an image that is made now: so is what was not dated yet."""
    history = tuple(
        replace(each, created=created)
        if (each.created, each.comment) == (LONG_AGO, BUILDKIT)
        else each
        for each in configuration.history
    )
    return replace(configuration, created=created, history=history)


def _labelled(configuration: Configuration, step: BuildImage) -> Configuration:
    """With the labels of the step, each of which is told in the history."""
    labels = dict(configuration.labels) | dict(step.labels)
    configuration = replace(configuration, labels=tuple(sorted(labels.items())))
    for name, value in step.labels:
        text = f"LABEL {name}={value}"
        entry = History(LONG_AGO, text, comment=BUILDKIT, empty_layer=True)
        configuration = replace(configuration, history=(*configuration.history, entry))
    return configuration


def without_label(reporter: StepReporter) -> StepReporter:
    """A reporter that hands everything on but the label which rbuild gives its images."""
    return _WithoutLabel(reporter)


class _WithoutLabel(ForwardingReporter):
    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """An instruction begins."""
        if LABEL_IMAGE in instruction:
            self._inner.instruction_done()
        else:
            super().instruction(number, of, instruction, stage=stage)
