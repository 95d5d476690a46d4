"""Steps of a plan that are done at a time: the builds of one bake, each as soon as it may."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rootless_build.images.segments.turns import StageReporter, Turns
from rootless_build.model.errors import RbuildError, StepFailedError
from rootless_build.model.events import AtWork, StepFinished, StepReporter, StepStarted, Stopwatch
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process.side_by_side import SideBySide
from rootless_build.runner import failures
from rootless_build.runner.build_order import waiting
from rootless_build.runner.context import Context, Outcome
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.titles import build_name, title

Build = Callable[[Context, Publisher, BuildImage, StepReporter], Outcome]
"""Does a build, with a context and a publisher of its own."""


class StepsSideBySide:
    """Does them; each has a beginning and an end of its own. What one says is told when it is its
    turn. `check` refuses a step of that number whose turn has come. `builds` are those steps;
    `has_published`: one has.
    """

    def __init__(
        self, context: Context, check: Callable[[int], None], build: Build, numbers: Sequence[int]
    ) -> None:
        self._context = context
        self._check = check
        self._build = build
        self._numbers = numbers
        steps = [context.plan.now.steps[number - 1] for number in numbers]
        self.builds = [step for step in steps if isinstance(step, BuildImage)]
        self._waiting = waiting(self.builds)
        self._turns = Turns()
        self._speakers = [self._speaker(number) for number in numbers]
        self._ended: list[StageReporter] = []
        self._work = SideBySide(self._do)
        self.has_published = False

    def _speaker(self, number: int) -> StageReporter:
        options = self._context.options
        reporter = options.reporter(self._context.emit, number, options.mask.stream)
        return StageReporter(reporter, self._turns)

    def done(self) -> Outcome:
        """What all came to. Raises what the first one raised that failed, when all have ended."""
        places = range(len(self.builds))
        for build in self.builds:
            # Before anybody reads what is hidden.
            self._context.options.mask.learn(build)
        try:
            self._work.run(places)
        except KeyboardInterrupt:
            self._turns.end(None, self._ended)
            raise
        except Exception:
            failed = self._work.failed
            self._turns.end(None if failed is None else self._speakers[failed], self._ended)
            raise
        return sum((self._work.result(place) for place in places), Outcome())

    def _do(self, place: int) -> Outcome:
        for before in self._waiting[place]:
            self._work.result(before)
        step, speaker, watch = self.builds[place], self._speakers[place], Stopwatch()
        number, of = self._numbers[place], len(self._context.plan.now.steps)
        context = replace(
            self._context,
            emit=lambda event: speaker.event(lambda: self._context.emit(event)),
        )
        working = AtWork(number, of_steps=of, name=build_name(step))
        speaker.event_at_once(lambda: self._context.emit(working))
        context.emit(StepStarted(number, of, step.kind, title(step), build_name(step), time.time()))
        publisher = Publisher(context)
        publisher.begin_step(step)
        try:
            self._check(number)
            outcome = self._build(context, publisher, step, speaker)
        except RbuildError as error:
            publisher.has_published |= self.has_published
            publisher.add_note(error)
            self._complete(error, place, watch.seconds)
            status = error.status if isinstance(error, StepFailedError) else None
            ended = StepFinished(number, of, step.kind, status or 1, watch.seconds, at=time.time())
            context.emit(ended)
            raise
        finally:
            self.has_published |= publisher.has_published
            over = replace(working, ends=True)
            speaker.event_at_once(lambda: self._context.emit(over))
        # Others may talk now.
        speaker.instruction_done()
        finished = StepFinished(
            number, of, step.kind, 0, watch.seconds, cached=not outcome.done, at=time.time()
        )
        context.emit(finished)
        self._ended.append(speaker)
        return outcome

    def _complete(self, error: RbuildError, place: int, seconds: float) -> None:
        step, number = self.builds[place], self._numbers[place]
        error.step = error.step or number
        where = f"step {number} of {len(self._context.plan.now.steps)}"
        failures.complete(error, step, title(step), where, seconds)
        self._context.options.mask.error(error)
