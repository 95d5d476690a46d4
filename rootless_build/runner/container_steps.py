"""The containers of a plan: all of them are run, or none."""

from __future__ import annotations

from rootless_build import runner as package
from rootless_build.backend.api import Image, Stdio
from rootless_build.freshness.container_runs import ContainerRuns
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.images.bases import substitutes as bases
from rootless_build.model import references
from rootless_build.model.errors import ImageNotFoundError, StepFailedError
from rootless_build.model.events import StepReporter, Stopwatch
from rootless_build.model.plan import PullPolicy, RunContainer
from rootless_build.runner import interactive
from rootless_build.runner.context import Context, Outcome
from rootless_build.runner.explaining import explain
from rootless_build.runner.preparation import Preparation
from rootless_build.runner.publishing import Publisher


class ContainerSteps:
    """Does them, unless each would get what it got in the last run, and the bundles are that run's.

    The first one decides for all. What they read is recorded for the next run, and how long they
    took.
    """

    def __init__(self, context: Context, preparation: Preparation, publisher: Publisher) -> None:
        self._context = context
        self._preparation = preparation
        self._publisher = publisher
        self._are_fresh: bool | None = None
        self._runs: ContainerRuns | None = None
        self._ended = 0
        self._seconds = 0.0
        self._had_caches = False

    def do(self, step: RunContainer, reporter: StepReporter) -> Outcome:
        """Run one of them, or find that none need be run. Raises an RbuildError."""
        context = self._context
        stdio = interactive.stdio(step, terminal=context.options.containers.terminal)
        if context.options.containers.only_made:
            return self._make(step, reporter)
        if context.freshness is not None and self._are_fresh is None:
            verdict = self._judge(context.freshness, stdio)
            self._are_fresh = isinstance(verdict, Fresh)
            if isinstance(verdict, Fresh):
                return Outcome(saved=verdict.seconds)
            explain(verdict, context, reporter)
        if self._are_fresh:
            return Outcome()
        self._preparation.prepare()
        image = self._find_image(step, reporter)
        context.provenance.add_container(step.image, image)
        return self._run(step, image, stdio, reporter)

    def _make(self, step: RunContainer, reporter: StepReporter) -> Outcome:
        self._preparation.prepare()
        image = self._find_image(step, reporter)
        package.container_run.ContainerRun(self._context, self._publisher).make(
            step, image, reporter
        )
        return Outcome(done=True)

    def _run(
        self, step: RunContainer, image: Image, stdio: Stdio, reporter: StepReporter
    ) -> Outcome:
        if self._runs is not None:
            self._runs.start(step, image)
        watch = Stopwatch()
        try:
            ended = package.container_run.ContainerRun(self._context, self._publisher).run(
                step, image, stdio, reporter, self._runs
            )
        except StepFailedError as error:
            error.image = image.id
            raise
        seconds = watch.seconds
        self._ended += 1
        self._seconds += seconds
        self._had_caches = self._had_caches or ended.had_caches
        if self._runs is not None:
            self._runs.end(step, image, seconds)
        return Outcome(done=True, saved=self._finish(), container_left=ended.container_left)

    def _finish(self) -> float:
        """Record the containers once the last one has ended; the seconds that caches saved them."""
        freshness = self._context.freshness
        if freshness is None or self._ended < len(self._context.plan.containers):
            return 0.0
        if self._runs is not None:
            self._runs.finish()
        return 0.0 if freshness.containers.waits() else self._compare_with_cold(freshness)

    def _compare_with_cold(self, freshness: PlanFreshness) -> float:
        """What the caches saved: the first run of a target finds them empty."""
        cold = freshness.containers.cold_seconds()
        if not self._had_caches or not cold:
            freshness.containers.keep_cold_seconds(self._seconds)
            return 0.0
        return 0.0 if freshness.forced else max(cold - self._seconds, 0.0)

    # --- whether they have to be run ------------------------------------------------------------

    def _judge(self, freshness: PlanFreshness, stdio: Stdio) -> Verdict:
        """Whether all containers would come to what is there. Recording begins where not."""
        if self._has_shell():
            return Dirty("somebody works in its container")
        plan = self._context.plan
        ahead = self._context.options.expansion.foresee() if freshness.containers.waits() else None
        if ahead is not None:
            freshness.follow(ahead.plan)
        verdict = freshness.containers.judge(self._in_storage, piped=stdio is Stdio.PIPED)
        if isinstance(verdict, Fresh):
            if ahead is not None:
                ahead.keep()
                plan.take(ahead.plan)
            return verdict
        freshness.follow(plan.now)
        self._runs = freshness.containers.begin()
        return verdict

    def _has_shell(self) -> bool:
        """Whether somebody works in one of the containers."""
        return any(
            self._is_by_hand(step) for step in self._context.plan.containers if step.interactive
        )

    def _is_by_hand(self, step: RunContainer) -> bool:
        image = None if step.command else self._in_storage(step)
        streams = interactive.stdio(step, terminal=self._context.options.containers.terminal)
        return interactive.is_by_hand(step, image, streams)

    # --- their images ---------------------------------------------------------------------------

    def _in_storage(self, step: RunContainer) -> Image | None:
        if step.pull is PullPolicy.ALWAYS:
            return None
        return self._context.images.find(step.image, self._context.engine)

    def _find_image(self, step: RunContainer, reporter: StepReporter) -> Image:
        """The image it is made of, fetched where it has to be. Raises ImageNotFoundError."""
        known, engine = self._context.images.get(step.image), self._context.engine
        if known is not None:
            return known
        references.check(step.image)
        found = engine.find_image(step.image)
        if found and step.pull is not PullPolicy.ALWAYS and not bases.stands_in(found):
            return found
        local = bases.stand_in(step.image, step.pull, engine, reporter)
        image = engine.find_image(local or step.image)
        if image is None:
            raise ImageNotFoundError(f"image {step.image} is not in storage", reference=step.image)
        return image
