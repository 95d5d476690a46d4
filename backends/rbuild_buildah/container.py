"""A working container of buildah as `docker run` would have it."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import assert_never

from rbuild_buildah import flags, mounts
from rbuild_buildah.command import Buildah, own_words
from rbuild_buildah.ending import OnScreen, Output
from rbuild_buildah.store import ContainerRecord, Store, filling
from rbuild_containers.given_volumes import take_over
from rbuild_containers.homes import at_the_root, unknown_user
from rbuild_containers.killing import kill_containing
from rbuild_containers.runtime_state import RuntimeStates
from rootless_build.backend import (
    Exit,
    Image,
    RunContainer,
    Stdio,
    StepFailedError,
    StepReporter,
    VolumeMount,
    identities,
    removed_at_end,
)


@contextlib.contextmanager
def working_container(
    buildah: Buildah, store: Store, step: RunContainer, image: Image
) -> Iterator[WorkingContainer]:
    """A container of `image` that is gone, its processes and anonymous volumes too, at the end.

    Raises UnsupportedError, StepFailedError with status 125 when it can't be made, and
    ContainerLeftError when something of it stays.
    """
    settings = buildah.settings
    flags.check(step, settings)
    argv = flags.command_line(step, image)
    create = flags.create_arguments(step, settings)
    record = store.new_container(step.name, step.labels)
    made: list[WorkingContainer] = []
    with removed_at_end(
        lambda: remove(buildah, record),
        lambda: not step.remove and any(m.was_run for m in made),
    ):
        discard_half_filled(buildah, store, step)
        placed = mounts.place(step, image, store, record)
        if step.caller_ids is not None and step.caller_ids.uid:
            for mount in step.mounts:
                if isinstance(mount, VolumeMount) and mount.name and not mount.cache:
                    data = store.volume(mount.name).data
                    take_over(data, step.caller_ids.uid, buildah.user_namespace)
        name = ("--name", record.name, "--cidfile", str(record.id_file))
        buildah.ask("the container could not be made", "from", *create, *name, image.id)
        root = mounts.root_of(step, image, settings)
        uid = unknown_user(step, image)
        user = None if uid is None else mounts.User(uid, placed.binds)
        if placed.fills or root or user:
            seen = _fill(buildah, record, placed.fills, root, user)
            step = step if seen.known else at_the_root(step)
        made.append(WorkingContainer(buildah, record, step, image, placed, argv))
        yield made[0]


def _fill(
    buildah: Buildah,
    record: ContainerRecord,
    fills: Sequence[mounts.Copy],
    root: mounts.Root | None,
    user: mounts.User | None,
) -> mounts.Seen:
    for fill in fills:
        filling(fill.to).write_text(identities.of_this())
    seen = mounts.copy(buildah, record.id, fills, root=root, user=user)
    for fill in fills:
        filling(fill.to).unlink()
    return seen


def discard_half_filled(buildah: Buildah, store: Store, step: RunContainer) -> None:
    """Volumes that a killed run had begun to fill start anew: they would count as filled."""
    for mount in step.mounts:
        if isinstance(mount, VolumeMount) and mount.name is not None:
            volume = store.volume(mount.name)
            if volume.half_filled:
                buildah.remove_tree(volume.data)
                volume.data.mkdir()
                filling(volume.data).unlink()


def remove(buildah: Buildah, record: ContainerRecord) -> None:
    """Remove a container and all that belongs to it, by force.

    Raises StepFailedError when something of it stays.
    """
    # Each of its processes has a mount of the bundle directory that buildah made for it
    # (`/run/.containerenv`) until buildah unmounts that: which it does not do when it is killed.
    kill_containing(record.marker)
    RuntimeStates(buildah.settings).remove(record.marker)
    gone = buildah.capture("rm", record.id)
    # Without an id buildah has not made it: nothing of that name is rbuild's.
    if gone.status and "container not known" not in gone.words:
        message = f"the container {record.name} could not be removed"
        raise StepFailedError(message, engine_words=own_words(gone))
    # The record itself last: without it nobody knows of what stays.
    for inside in (record.temporary, record.anonymous):
        buildah.remove_tree(inside)
    buildah.remove_tree(record.directory)


class WorkingContainer:
    """A container that exists; see `rootless_build.backend.api.Container`."""

    def __init__(
        self,
        buildah: Buildah,
        record: ContainerRecord,
        step: RunContainer,
        image: Image,
        placed: mounts.Placed,
        argv: Sequence[str],
    ) -> None:
        self._buildah = buildah
        self._record = record
        self._step = step
        self._image = image
        self._placed = placed
        self._argv = argv
        self.was_run = False
        """Whether it was to be run: docker keeps one that could not be, or was interrupted."""

    @property
    def id(self) -> str:
        """buildah's full id."""
        return self._record.id

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        """Start the command, hand its output over, and wait for its end."""
        for flag in flags.without_effect(self._step, self._buildah.settings):
            reporter.notice("no-effect", f"{flag} has no effect with buildah")
        self.was_run = True
        return self._run(reporter, stdio)

    def _run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        match stdio:
            case Stdio.TERMINAL:
                return self._on_terminal(self._arguments(stdio), reporter)
            case Stdio.PIPED:
                return self._stream(self._arguments(stdio), reporter, 0)
            case Stdio.CLOSED:
                return self._stream(self._arguments(stdio), reporter, DEVNULL)
        assert_never(stdio)

    def copy_out(self, path: str, destination: Path) -> bool:
        """Copy what is in the directory `path`, on a volume or not, into `destination`."""
        directory = self._step.working_directory or self._image.working_directory
        wanted = mounts.Copy(posixpath.join(directory, path), destination, owned=False)
        return mounts.copy(self._buildah, self.id, [wanted], self._placed.binds).copied[0]

    def _arguments(self, stdio: Stdio) -> tuple[str, ...]:
        options = flags.run_arguments(self._step, self._buildah.settings, self._image, stdio)
        volumes = (part for mount in self._placed.mounts for part in flags.mount_arguments(mount))
        # Warnings of buildah and its runtime would stand among the command's own words.
        return ("--log-level", "error", "run", *options, *volumes, self.id, "--", *self._argv)

    def _stream(self, arguments: Sequence[str], reporter: StepReporter, stdin: int) -> Exit:
        output = Output(reporter)
        status = self._buildah.stream(
            arguments, output.feed, stdin=stdin, temporary=self._record.temporary
        )
        ended = output.end(status)
        reporter.flush()
        return ended

    def _on_terminal(self, arguments: Sequence[str], reporter: StepReporter) -> Exit:
        screen = OnScreen(reporter)
        ended = self._buildah.attach(arguments, screen, temporary=self._record.temporary)
        return screen.end(ended.status, ended.said)
