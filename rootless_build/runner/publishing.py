"""The bundles of a run: staged beside the project's, and published when the step that made them
has ended well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from rootless_build.bundles import obstacles
from rootless_build.files.tree import is_empty
from rootless_build.model import mounts, outputs
from rootless_build.model.errors import BundlesError
from rootless_build.model.events import BundlesPublished, Level, Notice
from rootless_build.model.plan import BuildImage, Plan, RunContainer, Step, Unexpanded
from rootless_build.runner import interactive
from rootless_build.runner.context import Context
from rootless_build.runner.host_commands import may_change_bundles
from rootless_build.runner.results import NewBundles

if TYPE_CHECKING:
    from rootless_build.backend.api import Image
    from rootless_build.bundles.staging import Published, Staging
    from rootless_build.freshness.container_runs import ContainerRuns
    from rootless_build.images.bases.executables import Substitute


class Publisher:
    """Stages bundles, checks that they can be published, and gives them to the run's results.

    It knows what became of the bundles in the step whose turn it is, for whoever hears of a
    failure.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stages_now = False
        self._has_published_now = False
        self.has_published = False

    def begin_step(self, step: Step) -> None:
        """Note that it is this step's turn."""
        self.begin_steps((step,))

    def begin_steps(self, steps: Iterable[Step]) -> None:
        """Note that these go on at a time."""
        staged = any(isinstance(s, BuildImage | Unexpanded) or self.stages(s) for s in steps)
        self._stages_now, self._has_published_now = staged, False

    def check(self) -> None:
        """Say now what would keep results from being published. Raises UsageError."""
        plan = self._context.plan.now
        if plan.bundles and any(map(self.stages, plan.steps)):
            obstacles.check(plan.bundles.directory)

    def stages(self, step: Step, image: Image | None = None) -> bool:
        """Whether the step's bundles are published when it has ended, not written in place.

        `image` is the container's, where it is known: it may bring a shell to work in.
        """
        wanted, containers = self._context.plan.now.bundles, self._context.options.containers
        if isinstance(step, BuildImage):
            return outputs.in_bundles(step, wanted)
        if wanted is None or not isinstance(step, RunContainer):
            return False
        if not mounts.makes_bundles(step, wanted):
            return False
        if mounts.copied_from(step, wanted, remote=self._context.engine.remote) is not None:
            return True
        if containers.own_command:
            return True
        # What a person does in a shell is there at once.
        streams = interactive.stdio(step, terminal=containers.terminal)
        return not interactive.is_by_hand(step, image, streams)

    def stages_container(self, step: RunContainer, image: Image) -> bool:
        """Whether the bundles of the container that is about to run are published when it ends."""
        self._stages_now = self.stages(step, image)
        return self._stages_now

    def stage(self) -> AbstractContextManager[Staging]:
        """A private copy of the bundles directory, for the plan that has one."""
        # A run that changes nothing makes no bundles: 20 ms.
        from rootless_build.bundles.staging import stage  # noqa: PLC0415

        wanted = self._context.plan.now.bundles
        assert wanted is not None  # stages() has said so
        return stage(wanted.directory)

    def publish(
        self,
        staging: Staging,
        substitutes: Sequence[Substitute] = (),
        runs: ContainerRuns | None = None,
    ) -> None:
        """The step has ended well: its bundles go where the run's results go.

        `substitutes` are what its image has from elsewhere; `runs` records the containers.
        """
        options = self._context.options
        if options.containers.own_command and staging.is_untouched:
            return
        if options.bundles.checksums:
            staging.add_checksums()
        options.results.take_bundles(
            NewBundles(staging, lambda: self._publish(staging, substitutes, runs))
        )

    def _publish(
        self, staging: Staging, substitutes: Sequence[Substitute], runs: ContainerRuns | None
    ) -> None:
        # Most runs make no new bundles.
        from rootless_build.images.bases import executables  # noqa: PLC0415

        emit, plan = self._context.emit, self._context.plan.now
        own_command = self._context.options.containers.own_command
        written = staging.written()
        if not written and runs is not None:
            runs.note_nothing_written()
        foreign = executables.among(substitutes, written)
        attestation = self._context.provenance.attestation(plan, foreign)
        asked = _words_asked_for(plan)
        with self._context.options.bundles.publishing() as alone:
            if alone and (not own_command or staging.is_current):
                published = staging.publish(attestation, asked)
            else:
                published = staging.publish_beside(attestation, asked)
        self.has_published = self._has_published_now = True
        for warning in published.warnings:
            emit(Notice(Level.WARNING, "bundles", warning))
        if published.files or not is_empty(staging.directory):
            emit(_event(staging, published))
        if foreign:
            emit(Notice(Level.WARNING, "substitutes", executables.sentence(foreign)))

    def add_note(self, error: BaseException) -> None:
        """Say with the error of the step what became of the bundles.

        Staged ones are published when all is well; what a command of the host does is not known.
        """
        plan = self._context.plan
        if self._has_published_now:
            error.add_note("the new bundles are published")
        elif self._stages_now and plan.now.bundles is not None:
            # A BundlesError says it itself.
            if isinstance(error, BundlesError):
                return
            changed = self.has_published or any(map(may_change_bundles, plan.before))
            error.add_note(f"the bundles are as they were{' before this step' if changed else ''}")


def _event(staging: Staging, published: Published) -> BundlesPublished:
    return BundlesPublished(
        staging.directory,
        published.files,
        published.checked,
        tuple(each.size for each in published.changed),
        tuple(each.before for each in published.changed),
        published.total,
        published.total_before,
    )


def _words_asked_for(plan: Plan) -> frozenset[str]:
    """The words that a bundle of the plan may be named after: targets, and what containers run."""
    steps = (step for step in plan.steps if isinstance(step, RunContainer))
    return frozenset((*plan.targets, *(word for step in steps for word in step.command)))
