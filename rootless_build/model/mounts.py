"""Which mounts a container gets beside, or instead of, those its recipe asks for."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from rootless_build.files import repository
from rootless_build.model.errors import BundlesError, UnsupportedError
from rootless_build.model.plan import BindMount, Bundles, Mount, Plan, RunContainer, Step
from rootless_build.model.text import shown


def makes_bundles(step: RunContainer, bundles: Bundles) -> bool:
    """Whether the container can write the bundles, through a mount or inside itself."""
    if bundles.container_path is not None:
        return True
    return any(_reaches(mount, bundles.directory) for mount in _binds(step) if not mount.read_only)


def lie_in_a_mount(step: RunContainer, directory: Path) -> bool:
    """Whether the bundles directory is in a directory that the container has mounted."""
    wanted = _real(directory)
    return any(_real(mount.source) in wanted.parents for mount in _binds(step))


def refuse_links_out(step: RunContainer, directory: Path) -> None:
    """Refuse to mount what a link in the bundles leads to elsewhere.

    A container of an earlier run may have made it: the next one would get whatever directory of
    the user's it names. Raises BundlesError.
    """
    bundles = _real(directory)
    for mount in _binds(step):
        real = _real(mount.source)
        above = Path(os.path.normpath(mount.source)).parents
        if not real.is_relative_to(bundles) and any(
            _real(place).is_relative_to(bundles) for place in above
        ):
            raise BundlesError(
                f"{shown(mount.source)} is to be mounted, and leads out of the bundles",
                problems=(f"{shown(mount.source)}: leads to {shown(real)}",),
                hint="a container may have made that link: remove it, or mount what it leads to",
            )


def staged(step: RunContainer, directory: Path, staging: Path) -> RunContainer:
    """The step with the staging directory in place of the bundles directory, in every mount.

    Where a directory above the bundles is mounted (`BIND_DIR=.`), the staging directory is
    mounted over them, unless the recipe mounts something there itself.
    """
    taken = {posixpath.normpath(mount.target) for mount in step.mounts}
    mounts: list[Mount] = []
    for mount in step.mounts:
        if not isinstance(mount, BindMount) or not _reaches(mount, directory):
            mounts.append(mount)
            continue
        source, bundles = _real(mount.source), _real(directory)
        if source.is_relative_to(bundles):
            inside = staging / source.relative_to(bundles)
            mounts.append(dataclasses.replace(mount, source=inside))
            continue
        mounts.append(mount)
        over = posixpath.join(mount.target, bundles.relative_to(source))
        if over not in taken:
            taken.add(over)
            mounts.append(BindMount(staging, over, mount.read_only))
    return dataclasses.replace(step, mounts=tuple(mounts))


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
    # Few runs have mounts in mounts.
    from rootless_build.files.tree import directory_inside  # noqa: PLC0415

    if ".." in path.parts:
        return  # out of the mount
    place.mkdir(parents=True, exist_ok=True)
    directories = path.parent if is_file else path
    with directory_inside(place, str(directories), make=True) as directory:
        if is_file:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(path.name, flags, 0o666, dir_fd=directory))


def without_bundles(step: RunContainer, staging: Path | None) -> RunContainer:
    """The step for an engine on another host: the bundles are copied out, nothing is bind-mounted.

    Raises UnsupportedError where the recipe needs another directory of this host.
    """
    mounts = tuple(
        mount
        for mount in step.mounts
        if not (isinstance(mount, BindMount) and mount.source == staging)
    )
    step = dataclasses.replace(step, mounts=mounts)
    for mount in _binds(step):
        raise UnsupportedError(
            f"the engine is on another host and can't see {mount.source}",
            hint="use a local engine, or a recipe without bind mounts (BIND_DIR=)",
        )
    return step


def copied_from(step: RunContainer, bundles: Bundles, *, remote: bool) -> str | None:
    """The container's directory to copy out after its end; None where the host sees it anyway."""
    if bundles.container_path is not None or not remote:
        return bundles.container_path
    return next((m.target for m in _binds(step) if m.source == bundles.directory), None)


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
            return dataclasses.replace(step, mounts=(*step.mounts, more))
        return step

    return dataclasses.replace(plan, steps=tuple(map(mounted, plan.steps)))


def _shows(step: RunContainer, pointer: Path) -> bool:
    wanted = {_real(pointer), _real(pointer.parent)}
    return any(_real(mount.source) in wanted for mount in _binds(step))


def _has(step: RunContainer, directory: Path) -> bool:
    return str(directory) in {posixpath.normpath(mount.target) for mount in step.mounts}


def _binds(step: RunContainer) -> Iterator[BindMount]:
    return (mount for mount in step.mounts if isinstance(mount, BindMount))


def _reaches(mount: BindMount, directory: Path) -> bool:
    """Whether the mount shows the directory, something in it, or what it is in."""
    source, wanted = _real(mount.source), _real(directory)
    return wanted.is_relative_to(source) or source.is_relative_to(wanted)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
