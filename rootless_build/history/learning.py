"""What a run comes to, learned from its events while they happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rootless_build.history.record import FailureRecord, ImageRecord, Outcome, RunRecord, StepRecord
from rootless_build.model.errors import ImageBuildError, RbuildError, StepFailedError
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    BundlesPublished,
    Event,
    ImageReady,
    Notice,
    StepFinished,
    StepStarted,
)
from rootless_build.model.structs import replace

WHY: Final = "explain"
"""The code of the notice that says why a step is done."""


class Learner:
    """Knows of one run what its events have told so far."""

    def __init__(self, begun: RunRecord) -> None:
        self._record = begun
        self._steps: dict[int, StepRecord] = {}
        self._images: list[ImageRecord] = []
        self._finished: BuildFinished | None = None
        self._error = ""
        self.published: dict[str, Path] = {}
        """Of each file that the run made or changed, the directory of the bundles."""

    @property
    def number(self) -> int:
        """That of the run."""
        return self._record.number

    @property
    def has_steps(self) -> bool:
        """Whether a step has begun."""
        return bool(self._steps)

    def __call__(self, event: Event) -> None:
        """Learn from one event."""
        match event:
            case BackendChosen():
                backend = f"{event.name} {event.version}"
                self._record = replace(self._record, backend=backend)
            case StepStarted():
                self._steps[event.step] = StepRecord(event.step, event.kind, event.title)
            case StepFinished() if event.step in self._steps:
                self._learn_of(
                    event.step,
                    lambda step: replace(
                        step, status=event.status, seconds=event.seconds, cached=event.cached
                    ),
                )
            case Notice(code=code) if code == WHY and event.step in self._steps:
                why = event.text.removeprefix("because: ")
                self._learn_of(event.step, lambda step: replace(step, why=step.why or why))
            case ImageReady():
                made = ImageRecord(event.step, event.names, event.id, event.platform)
                self._images.append(made)
            case BundlesPublished():
                self.published |= dict.fromkeys(event.files, event.directory)
            case BuildFinished():
                self._finished = event
            case _:
                pass

    def error(self, error: RbuildError) -> None:
        """Learn what ended the run."""
        self._error = error.message
        self._record = replace(self._record, failure=_failure(error))

    def ended(self, ended: str, status: int, seconds: float) -> RunRecord:
        """The record of the run that has ended: `ended` is ISO 8601, `status` rbuild's own."""
        finished = self._finished
        saved, done = (finished.saved, finished.done) if finished else (0.0, True)
        steps = tuple(self._steps[number] for number in sorted(self._steps))
        outcome = Outcome(ended, status, seconds, saved, done, self._error)
        images = tuple(self._images)
        return replace(self._record, steps=steps, images=images, outcome=outcome)

    def _learn_of(self, number: int, change: Callable[[StepRecord], StepRecord]) -> None:
        self._steps[number] = change(self._steps[number])


def _failure(error: RbuildError) -> FailureRecord | None:
    """Which command of a step failed; None where none did."""
    if error.step is None or not isinstance(error, StepFailedError):
        return None
    if not isinstance(error, ImageBuildError):
        return FailureRecord(error.step, image=error.image, status=error.status)
    failed = error.failed
    if failed is None:
        return FailureRecord(error.step)
    return FailureRecord(error.step, failed.place, failed.text, status=failed.status)
