"""Stages that do not need each other, built side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from rootless_build.backend.api import Image
from rootless_build.images.at_once import AtOnce
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers.request import Directory, Operation, Source
from rootless_build.images.segments.bases import Images
from rootless_build.images.segments.locks import locks
from rootless_build.images.segments.progress import Progress
from rootless_build.images.segments.stages import Places, Plan, Stages
from rootless_build.images.segments.steps import Files, Mounting, State, Steps
from rootless_build.images.segments.turns import StageReporter, Turns
from rootless_build.model.events import StepReporter
from rootless_build.process.side_by_side import SideBySide


class StagesSideBySide(Stages):
    """Builds each stage as soon as there is what it needs."""

    def __init__(
        self, plan: Plan, places: Places, steps: Steps, images: Images, reporter: StepReporter
    ) -> None:
        super().__init__(plan, places, steps, images, reporter)
        self._turns = Turns()
        self._reporters = {
            number: StageReporter(reporter, self._turns) for number in range(len(plan.stages))
        }
        self._builds = SideBySide(self._work)

    def last(self) -> State:
        """The end of the stage that is wanted; the others are in storage then."""
        try:
            return self._builds.run(self._plan.needed)
        except Exception:
            if self._builds.failed is not None:
                self._turns.end(self._reporters[self._builds.failed])
            raise

    def _work(self, number: int) -> State:
        is_last = number == self._plan.needed[-1]
        state = self._build(number) if is_last else self._stored(number)
        self._reporters[number].instruction_done()
        return state

    def _result(self, number: int, of: int) -> State:
        if not self._builds.is_done(number):
            # What was begun is done; others may talk while this one waits.
            self._reporters[of].instruction_done()
        return self._builds.result(number)

    def _reporter_of(self, number: int) -> StepReporter:
        return self._reporters[number]


class Limited:
    """Steps of which only so many RUNs are done at a time, of whichever builds."""

    def __init__(self, steps: Steps, at_once: AtOnce) -> None:
        self._steps = steps
        self._at_once = at_once

    def copy(
        self, state: State, pending: Sequence[tuple[Instruction, Operation]]
    ) -> tuple[State, tuple[bool, ...]]:
        return self._steps.copy(state, pending)

    def mount(self, source: Source) -> None:
        self._steps.mount(source)

    def shows(self, source: Directory, *, writable: bool) -> bool:
        return self._steps.shows(source, writable=writable)

    def run(
        self,
        state: State,
        runs: Sequence[Instruction],
        mounted: Mounting,
        progress: Progress,
    ) -> State:
        """Do them when there is room."""
        progress.end()
        what = (
            state.configuration.layers,
            tuple(run.text for run in runs),
            tuple(sorted(state.arguments.items())),
        )
        alone = self._at_once.locking() if any(map(locks, runs)) else nullcontext()
        with alone, self._at_once.run(what):
            return self._steps.run(state, runs, mounted, progress)

    def settle(self, state: State) -> State:
        return self._steps.settle(state)

    def intermediate(self, state: State, reporter: StepReporter) -> State:
        return self._steps.intermediate(state, reporter)

    def files_of(self, image: Image) -> Files:
        return self._steps.files_of(image)

    def configuration_of(self, image: Image) -> Configuration:
        return self._steps.configuration_of(image)
