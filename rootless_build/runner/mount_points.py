"""What a container's mounts need of the host: places to mount on, the git of a worktree."""

from __future__ import annotations

import contextlib
import os
import posixpath
from pathlib import Path, PurePosixPath

from rootless_build.files import repository
from rootless_build.files.way import opened_directory
from rootless_build.model import mounts
from rootless_build.model.plan import BindMount, Plan, RunContainer, Step
from rootless_build.model.structs import replace


def make_mount_points(step: RunContainer) -> None:
    """Make what is missing in one bind mount for others to be mounted on, as the caller.

    An engine makes it as the container's root, which is not the caller where the container's user
    is (`RunContainer.caller_ids`).
    """
    for mount in step.mounts:
        target = PurePosixPath(mount.target)
        above = [other for other in step.mounts if PurePosixPath(other.target) in target.parents]
        outer = max(above, key=lambda other: len(PurePosixPath(other.target).parts), default=None)
        if isinstance(outer, BindMount) and not outer.read_only:
            is_file = isinstance(mount, BindMount) and mount.source.is_file()
            # What stays missing is the engine's to make, or to complain of.
            with contextlib.suppress(OSError):
                _make_below(outer.source, target.relative_to(outer.target), is_file=is_file)


def _make_below(place: Path, path: PurePosixPath, *, is_file: bool) -> None:
    """Raises OSError where a link is on the way: it may lead somewhere else in the container."""
    if ".." in path.parts:
        return  # out of the mount
    place.mkdir(parents=True, exist_ok=True)
    directories = path.parent if is_file else path
    with opened_directory(place, str(directories), make=True) as directory:
        if is_file:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path.name, flags, 0o666, dir_fd=directory))


def with_worktrees(plan: Plan) -> Plan:
    """The plan, each container with the git directory it needs beside the mounts it asks for: that
    which the project's checkout shares, where the container sees the file that names it.

    The file names it by its absolute path (gitrepository-layout(5)), so it goes there.
    """
    found = repository.linked(plan.project)
    if found is None:
        return plan
    pointer, common = found

    def mounted(step: Step) -> Step:
        if isinstance(step, RunContainer) and _shows(step, pointer) and not _has(step, common):
            more = BindMount(common, str(common))
            return replace(step, mounts=(*step.mounts, more))
        return step

    return replace(plan, steps=tuple(map(mounted, plan.steps)))


def _shows(step: RunContainer, pointer: Path) -> bool:
    wanted = {mounts.real_path(pointer), mounts.real_path(pointer.parent)}
    return any(mounts.real_path(mount.source) in wanted for mount in mounts.binds(step))


def _has(step: RunContainer, directory: Path) -> bool:
    return str(directory) in {posixpath.normpath(mount.target) for mount in step.mounts}
