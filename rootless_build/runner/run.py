"""Does the steps of a plan in order, on an engine; the first that fails ends the run.

It knows no engine, and prints nothing: what happens goes out as events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import assert_never

from rootless_build import runner as package
from rootless_build.backend.api import Engine
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.verdict import Fresh
from rootless_build.model.errors import RbuildError, StepFailedError
from rootless_build.model.events import (
    Emit,
    StepFinished,
    StepReporter,
    StepStarted,
    Stopwatch,
)
from rootless_build.model.plan import (
    BuildImage,
    CheckContainerfile,
    HostCommand,
    Plan,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)
from rootless_build.runner import failures
from rootless_build.runner.container_steps import ContainerSteps
from rootless_build.runner.context import Context, Outcome, make_context
from rootless_build.runner.growing_plan import builds_of_one_bake
from rootless_build.runner.host_commands import run_host_command
from rootless_build.runner.image_steps import ImageSteps
from rootless_build.runner.options import Options
from rootless_build.runner.power_guard import PowerGuard
from rootless_build.runner.preparation import Preparation
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.shared_work import SharedWork
from rootless_build.runner.superseded_images import SupersededImages
from rootless_build.runner.titles import title


def needs_engine(plan: Plan) -> bool:
    """Whether a step of the plan is an engine's; a `help` target has none."""
    return not all(isinstance(step, HostCommand) for step in plan.steps)


def run(
    plan: Plan,
    engine: Engine | None,
    options: Options,
    emit: Emit,
    freshness: PlanFreshness | None = None,
) -> Outcome:
    """Do every step in order, but for those that `freshness` finds done; the first that fails ends
    it.

    `engine` may be None for a plan that needs none.

    Raises an RbuildError whose `where` names the step.
    """
    return _Run(make_context(plan, engine, options, emit, freshness)).do_all()


class _Run:
    """One run of a plan: whose turn it is, and who does it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._guard = PowerGuard(context)
        self._publisher = Publisher(context)
        self._superseded = SupersededImages(context)
        self._shared = SharedWork()
        self._preparation = preparation = Preparation(context, self._publisher)
        self._images = self._image_steps(context, self._publisher)
        self._containers = ContainerSteps(context, preparation, self._publisher)
        context.plan.watch(lambda _: self._guard.check_plan())
        if context.freshness is not None:
            context.plan.watch(context.freshness.follow)
        context.plan.watch(lambda _: preparation.check_again())

    def do_all(self) -> Outcome:
        """Do the steps, and say what they came to together."""
        self._guard.check_plan()
        plan, outcome = self._context.plan, Outcome()
        while (step := plan.step) is not None:
            if isinstance(step, Unexpanded):
                self._expand(step)
            elif count := self._at_a_time(step):
                outcome += self._do_several(range(plan.number, plan.number + count))
                plan.number += count
            else:
                outcome += self._do_next(step)
                plan.number += 1
        if self._superseded.wait:
            # The last lines came to nothing, or to steps that are done already.
            self._remove_superseded(self._reporter(len(plan.now.steps)))
        return outcome

    def _image_steps(self, context: Context, publisher: Publisher) -> ImageSteps:
        return ImageSteps(context, self._preparation, publisher, self._superseded, self._shared)

    def _build(
        self, context: Context, publisher: Publisher, step: BuildImage, reporter: StepReporter
    ) -> Outcome:
        return self._image_steps(context, publisher).do(step, reporter)

    def _reporter(self, number: int) -> StepReporter:
        options = self._context.options
        return options.reporter(self._context.emit, number, options.mask.stream)

    def _do_next(self, step: Step) -> Outcome:
        plan, emit = self._context.plan, self._context.emit
        number, of = plan.number, len(plan.now.steps)
        self._context.options.mask.learn(step)
        emit(StepStarted(number, of, step.kind, title(step)))
        watch, reporter = Stopwatch(), self._reporter(number)
        self._publisher.begin_step(step)
        with self._telling_failures(step, watch, reporter):
            self._guard.check_step(number)
            outcome = self._do(step, reporter)
            self._remove_when_last(number, reporter)
        emit(StepFinished(number, of, step.kind, 0, watch.seconds, cached=not outcome.done))
        return outcome

    def _at_a_time(self, step: Step) -> int:
        """How many steps, from this one on, may be done at a time; 0 where this one goes alone."""
        options, plan = self._context.options, self._context.plan
        rewriting = options.images.rewriting
        if not options.results.side_by_side or rewriting is None or rewriting.at_once.jobs < 2:
            return 0
        count = builds_of_one_bake(plan.now.steps[plan.number - 1 :])
        if count < 2 or not isinstance(step, BuildImage):
            return 0
        with suppress(RbuildError):
            # What waits for nothing and comes to nothing needs no thread, and no look at files.
            return 0 if isinstance(self._images.verdict(step), Fresh) else count
        return 0

    def _do_several(self, numbers: range) -> Outcome:
        """Do builds of one bake at a time."""
        context, reporter = self._context, self._reporter(numbers[-1])
        at_a_time = package.steps_side_by_side.StepsSideBySide(
            context, self._guard.check_step, self._build, numbers
        )
        try:
            with self._shared.several(context.engine):
                outcome = at_a_time.done()
        except KeyboardInterrupt as error:
            self._publisher.begin_steps(at_a_time.builds)
            self._publisher.add_note(error)
            raise
        except RbuildError:
            if numbers[0] <= context.plan.last_naming or self._superseded.wait:
                self._remove_superseded(reporter)
            raise
        finally:
            self._publisher.has_published |= at_a_time.has_published
        self._remove_when_last(numbers[-1], reporter)
        return outcome

    def _remove_when_last(self, number: int, reporter: StepReporter) -> None:
        """Remove what was replaced, if this was the last step that needs it."""
        plan = self._context.plan
        last, of = plan.last_naming, len(plan.now.steps)
        late = number > last and self._superseded.wait
        if number == last or late or (number == of and self._publisher.has_published):
            self._remove_superseded(reporter)

    def _do(self, step: Step, reporter: StepReporter) -> Outcome:
        match step:
            case BuildImage() | TagImage() | PullImage() | CheckContainerfile():
                return self._images.do(step, reporter)
            case RunContainer():
                return self._containers.do(step, reporter)
            case HostCommand():
                ended = run_host_command(step, reporter, self._context.options.attend)
                self._forget()
                if ended.called_docker:
                    self._context.images.forget()
            case RemoveVolume():
                for name in step.names:
                    self._context.engine.remove_volume(name)
            case Unexpanded():
                raise AssertionError(step)
            case _:
                assert_never(step)
        return Outcome(done=True)

    def _expand(self, step: Unexpanded) -> None:
        """Go on with the plan that has in the step's place what it is now."""
        expand = self._context.options.expansion.expand
        assert expand is not None  # whoever plans such a step can do it
        plan, watch = self._context.plan, Stopwatch()
        reporter = self._reporter(plan.number)
        self._publisher.begin_step(step)
        with self._telling_failures(step, watch, reporter, starts=True):
            try:
                grown = expand(step, reporter.output)
            except StepFailedError as error:
                reporter.flush()
                error.last_words = error.last_words or reporter.last_words or None
                raise
            finally:
                reporter.flush()
                self._forget()
            plan.take(grown)

    def _forget(self) -> None:
        """What was done on this host may have changed the engine's images, and files."""
        if self._context.possible_engine is not None:
            self._context.possible_engine.forget()

    @contextmanager
    def _telling_failures(
        self, step: Step, watch: Stopwatch, reporter: StepReporter, *, starts: bool = False
    ) -> Iterator[None]:
        """A context in which errors learn of the step, and the step's end is told where it fails.

        `starts`: so is its beginning, which nobody has heard of.
        """
        plan, emit, mask = self._context.plan, self._context.emit, self._context.options.mask
        number, of, last = plan.number, len(plan.now.steps), plan.last_naming
        try:
            yield
        except (RbuildError, KeyboardInterrupt) as error:
            if starts:
                emit(StepStarted(number, of, step.kind, title(step)))
            self._publisher.add_note(error)
            # After Ctrl-C an engine may be busy with the step yet; an expansion is nothing of its.
            ended = starts or isinstance(error, RbuildError)
            if ended and (number <= last or self._superseded.wait):
                self._remove_superseded(reporter)
            if isinstance(error, RbuildError):
                error.step = error.step or number
                place = f"step {number} of {of}"
                failures.complete(error, step, title(step), place, watch.seconds)
            mask.error(error)
            if isinstance(error, RbuildError):
                status = error.status if isinstance(error, StepFailedError) else None
                emit(StepFinished(number, of, step.kind, status or 1, watch.seconds))
            raise

    def _remove_superseded(self, reporter: StepReporter) -> None:
        self._superseded.remove(reporter, new_bundles=self._publisher.has_published)
