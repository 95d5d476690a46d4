"""Which mounts a container gets beside, or instead of, those its recipe asks for."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from rootless_build.model.errors import BundlesError, UnsupportedError
from rootless_build.model.plan import BindMount, Bundles, Mount, RunContainer
from rootless_build.model.structs import replace
from rootless_build.model.text import shown


def makes_bundles(step: RunContainer, bundles: Bundles) -> bool:
    """Whether the container can write the bundles, through a mount or inside itself."""
    if bundles.container_path is not None:
        return True
    return any(_reaches(mount, bundles.directory) for mount in binds(step) if not mount.read_only)


def lie_in_a_mount(step: RunContainer, directory: Path) -> bool:
    """Whether the bundles directory is in a directory that the container has mounted."""
    wanted = real_path(directory)
    return any(real_path(mount.source) in wanted.parents for mount in binds(step))


def refuse_links_out(step: RunContainer, directory: Path) -> None:
    """Refuse to mount what a link in the bundles leads to elsewhere.

    A container of an earlier run may have made it: the next one would get whatever directory of
    the user's it names. Raises BundlesError.
    """
    bundles = real_path(directory)
    for mount in binds(step):
        real = real_path(mount.source)
        above = Path(os.path.normpath(mount.source)).parents
        if not real.is_relative_to(bundles) and any(
            real_path(place).is_relative_to(bundles) for place in above
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
        source, bundles = real_path(mount.source), real_path(directory)
        if source.is_relative_to(bundles):
            inside = staging / source.relative_to(bundles)
            mounts.append(replace(mount, source=inside))
            continue
        mounts.append(mount)
        over = posixpath.join(mount.target, bundles.relative_to(source))
        if over not in taken:
            taken.add(over)
            mounts.append(BindMount(staging, over, mount.read_only))
    return replace(step, mounts=tuple(mounts))


def shows(step: RunContainer, directory: Path) -> bool:
    """Whether a mount is of that directory itself."""
    return any(mount.source == directory for mount in binds(step))


def without_bundles(step: RunContainer, staging: Path | None) -> RunContainer:
    """The step for an engine on another host: the bundles are copied out, nothing is bind-mounted.

    Raises UnsupportedError where the recipe needs another directory of this host.
    """
    mounts = tuple(
        mount
        for mount in step.mounts
        if not (isinstance(mount, BindMount) and mount.source == staging)
    )
    step = replace(step, mounts=mounts)
    for mount in binds(step):
        raise UnsupportedError(
            f"the engine is on another host and can't see {mount.source}",
            hint="use a local engine, or a recipe without bind mounts (BIND_DIR=)",
        )
    return step


def copied_from(step: RunContainer, bundles: Bundles, *, remote: bool) -> str | None:
    """The container's directory to copy out after its end; None where the host sees it anyway."""
    if bundles.container_path is not None or not remote:
        return bundles.container_path
    return next((m.target for m in binds(step) if m.source == bundles.directory), None)


def binds(step: RunContainer) -> Iterator[BindMount]:
    return (mount for mount in step.mounts if isinstance(mount, BindMount))


def _reaches(mount: BindMount, directory: Path) -> bool:
    """Whether the mount shows the directory, something in it, or what it is in."""
    source, wanted = real_path(mount.source), real_path(directory)
    return wanted.is_relative_to(source) or source.is_relative_to(wanted)


def real_path(path: Path) -> Path:
    """The path without links, which need not lead to anything."""
    return Path(os.path.realpath(path))
