"""One container of a plan: what it gets, its run, and the bundles it leaves."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rootless_build.backend import caller
from rootless_build.backend.api import Container, Exit, Image, Stdio, docker_commands, fill
from rootless_build.bundles.staging import mount_point
from rootless_build.files.private_directories import private_directory
from rootless_build.images.bases import executables
from rootless_build.model import mounts
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import RunContainer, VolumeMount
from rootless_build.model.structs import replace
from rootless_build.process.terminal import KeyboardReporter
from rootless_build.runner import (
    cache_volumes,
    failed_files,
    failures,
    git_settings,
    left_files,
    mount_points,
)
from rootless_build.runner.context import Context
from rootless_build.runner.dind import without_dind
from rootless_build.runner.limits import possible_limits
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.staying_containers import ContainerMayStay

if TYPE_CHECKING:
    from rootless_build.bundles.staging import Staging
    from rootless_build.freshness.container_runs import ContainerRuns

_INTERRUPTED: Final = 128 + signal.SIGINT


class EndedContainer(Struct, frozen=True):
    """A container that ended well. `container_left`: it should be gone, and is there."""

    had_caches: bool
    container_left: bool


class ContainerRun:
    """Runs containers, one after the other."""

    def __init__(self, context: Context, publisher: Publisher) -> None:
        self._context = context
        self._publisher = publisher

    def run(
        self,
        step: RunContainer,
        image: Image,
        stdio: Stdio,
        reporter: StepReporter,
        runs: ContainerRuns | None,
    ) -> EndedContainer:
        """Run it to its end, and publish what it wrote. Raises an RbuildError where it fails.

        `runs` records it for the next run.
        """
        context = self._context
        step = self._as_possible(step, image, reporter)
        kept: tuple[VolumeMount, ...] = ()
        if not context.options.containers.fresh:
            kept = cache_volumes.volumes(step, image, context.plan.now.project)
        step = replace(
            step,
            labels=context.labels + step.labels,
            tty=stdio is Stdio.TERMINAL or self._has_own_terminal(step, stdio),
            mounts=step.mounts + kept,
        )
        left = self._run_staged(step, image, stdio, reporter, runs)
        return EndedContainer(bool(kept), left)

    def _has_own_terminal(self, step: RunContainer, stdio: Stdio) -> bool:
        """Whether it gets one although nobody sits at another: docker gives it to a caller's."""
        called = self._context.options.containers.called
        return called and step.tty and not step.interactive and stdio is Stdio.CLOSED

    def make(self, step: RunContainer, image: Image, reporter: StepReporter) -> None:
        """Make it to stay; what it mounts of the project it writes through.

        Raises an RbuildError, UnsupportedError where the engine's containers end with their run.
        """
        context = self._context
        commands = docker_commands(context.engine)
        if commands is None:
            words = "the engine has no containers that outlive their command"
            raise UnsupportedError(words, hint="`--backend podman` has")
        step = self._as_possible(step, image, reporter)
        step = replace(step, labels=context.labels + step.labels)
        if step.caller_ids is not None:
            mount_points.make_mount_points(step)
        context.options.containers.made(commands.create(step, image))

    def _as_possible(
        self, step: RunContainer, image: Image, reporter: StepReporter
    ) -> RunContainer:
        """The step as it can be done here: its privileges, limits and user."""
        engine = self._context.engine
        if self._context.options.privileges.unprivileged:
            step = without_dind(step, image)
        limits = possible_limits(step.limits, engine, reporter)
        step = replace(step, limits=limits)
        step = caller.identify(step, image, engine, self._context.labels)
        size = engine.copy_size(step, image) if step.caller_ids else None
        if size is not None:
            megabytes = max(round(size / 1e6), 1)
            text = (
                f"user {step.user or image.user} of the container is you: its image is copied for "
                f"that, once, about {megabytes} MB"
            )
            reporter.notice("image-copied", text)
        return step

    def _run_staged(
        self,
        step: RunContainer,
        image: Image,
        stdio: Stdio,
        reporter: StepReporter,
        runs: ContainerRuns | None,
    ) -> bool:
        """Run it, its bundles directory in its place; whether it is left when it has ended."""
        context, engine, plan = self._context, self._context.engine, self._context.plan.now
        options = context.options.bundles
        with ExitStack() as stack:
            staging, copied_from = None, None
            wanted = plan.bundles
            staged = self._publisher.stages_container(step, image)
            if wanted:
                mounts.refuse_links_out(step, wanted.directory)
            if wanted and staged:
                copied_from = mounts.copied_from(step, wanted, remote=engine.remote)
                if mounts.lie_in_a_mount(step, wanted.directory):
                    stack.enter_context(mount_point(wanted.directory))
                staging = stack.enter_context(self._publisher.stage())
                stack.enter_context(
                    failed_files.keep_aside(staging, options.failed, engine, reporter)
                )
                step = mounts.staged(step, wanted.directory, staging.path)
            private = staging.path if staging else None
            if step.caller_ids is not None:
                mount_points.make_mount_points(step)
            given = None
            if engine.remote:
                if staging is not None and mounts.shows(step, staging.path):
                    given = copied_from
                step = mounts.without_bundles(step, private)
            stack.enter_context(git_settings.tell_changes(step, plan.project, reporter))
            left = stack.enter_context(ContainerMayStay(reporter))
            container = stack.enter_context(engine.container(step, image))
            context.options.containers.made(container.id)
            is_filled = False
            if given is not None and staging is not None:
                is_filled = fill(container, staging.path, given)
            place = left_files.Place(plan.project, options.publishing, options.left)
            with left_files.give_back_files(step, place, private, engine, reporter.notice):
                ended = self._attend(container, stdio, reporter, runs, stays=staging is None)
            if ended.status:
                raise failures.of_container(step, ended, reporter.last_words)
            if staging is not None:
                substitutes = executables.read(image, container, staging.path.parent)
                self._collect(staging, container, copied_from, is_whole=is_filled)
                self._publisher.publish(staging, substitutes, runs)
        return left.stays

    def _attend(
        self,
        container: Container,
        stdio: Stdio,
        reporter: StepReporter,
        runs: ContainerRuns | None,
        *,
        stays: bool,
    ) -> Exit:
        """Run it to its end. `stays`: what it has written is there whatever follows."""
        if stdio is not Stdio.TERMINAL:
            ended = container.run(reporter, stdio)
            reporter.flush()
            return ended
        own = self._context.options.containers.own_command
        keyboard = KeyboardReporter(reporter, ends=not stays and not own)
        # Who shows something there makes room before it is the container's.
        keyboard.screen(b"")
        ended = container.run(keyboard, stdio)
        if keyboard.has_typed and runs is not None:
            runs.note_typed_keys()
        if ended.status == _INTERRUPTED and keyboard.pressed and not stays and not own:
            raise KeyboardInterrupt
        return ended

    def _collect(
        self,
        staging: Staging,
        container: Container,
        copied_from: str | None,
        *,
        is_whole: bool,
    ) -> None:
        """Have all that it wrote in the staging directory, as this user's own files.

        `is_whole`: it had all that was there, and what is not in it any more it has removed.
        """
        if copied_from is not None:
            with private_directory(staging.path.parent, ".rbuild-out-") as out:
                found = container.copy_out(copied_from, out)
                if is_whole:
                    staging.become(out)
                elif found:
                    staging.take(out)
        self._context.engine.give_back(staging.path)
