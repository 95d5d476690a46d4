"""Builds that do not need each other, done side by side; each says what it says in its turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rootless_build.images.segments.turns import StageReporter, Turns
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.process.side_by_side import SideBySide
from rootless_build.runner.context import Outcome


class BuildsSideBySide:
    """Does them; `build` does one, and may be called from several threads."""

    def __init__(
        self,
        builds: Sequence[BuildImage],
        build: Callable[[BuildImage, StepReporter], Outcome],
        reporter: StepReporter,
    ) -> None:
        self._builds = builds
        self._build = build
        self._turns = Turns()
        self._reporters = [StageReporter(reporter, self._turns) for _ in builds]
        self._work = SideBySide(self._do)

    def done(self) -> Outcome:
        """What all came to. Raises what the first one raised that failed, when all have ended."""
        numbers = range(len(self._builds))
        try:
            self._work.run(numbers)
        except Exception:
            if self._work.failed is not None:
                self._turns.end(self._reporters[self._work.failed])
            raise
        return sum((self._work.result(number) for number in numbers), Outcome())

    def _do(self, number: int) -> Outcome:
        reporter = self._reporters[number]
        outcome = self._build(self._builds[number], reporter)
        # Others may talk now.
        reporter.instruction_done()
        return outcome
