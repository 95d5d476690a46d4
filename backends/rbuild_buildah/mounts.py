"""Where a step's mounts come from on this host: volumes are directories, filled when empty."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rbuild_buildah.command import Buildah
from rbuild_buildah.store import ContainerRecord, Store
from rbuild_containers.id_maps import id_maps
from rootless_build.backend import (
    BindMount,
    EngineSettings,
    Image,
    RunContainer,
    StepFailedError,
    TmpfsMount,
    VolumeMount,
    replace,
)
from rootless_build.backend.bind_sources import make_sources
from rootless_build.backend.caller import numeric

_INSIDE: Final = Path(__file__).with_name("inside.py")


class Copy(Struct, frozen=True):
    """What is in the directory `path` of a container goes to the host's directory `to`.

    `owned`: the copies keep their owners; else they are the user's. Where there is no such
    directory, `to` becomes `owner`'s (uid and gid as the engine sees them).
    """

    path: str
    to: Path
    owned: bool
    owner: tuple[int, int] | None = None


class Root(Struct, frozen=True):
    """What buildah 1.28.2 makes in a new container as the caller, although another user is the
    container's root: what is missing of `directories`, and the root directory. `owner` is the uid
    and gid of the container's root as the engine sees them.
    """

    owner: tuple[int, int]
    directories: tuple[str, ...]


class User(Struct, frozen=True):
    """Who is looked for in the /etc/passwd that a container with these mounts sees."""

    uid: int
    mounts: tuple[BindMount, ...]


class Seen(Struct, frozen=True):
    """What was found in a container's root file system: of each copy whether there was such a
    directory, and whether its /etc/passwd has the user.
    """

    copied: tuple[bool, ...]
    known: bool


class Placed(Struct, frozen=True):
    """A container's mounts, the shallow ones first, and the volumes that have to be filled."""

    mounts: tuple[BindMount | TmpfsMount, ...]
    fills: tuple[Copy, ...]

    @property
    def binds(self) -> tuple[BindMount, ...]:
        """The mounts whose content is on this host."""
        return tuple(mount for mount in self.mounts if isinstance(mount, BindMount))


def place(step: RunContainer, image: Image, store: Store, record: ContainerRecord) -> Placed:
    """Make the sources and volumes of the step's mounts, and those of the image's VOLUMEs.

    Raises StepFailedError, status 125, when a source is missing and is not to be made.
    """
    make_sources(step)
    mounts: list[BindMount | TmpfsMount] = []
    fills = []
    user = step.user or image.user
    for number, mount in enumerate(_all(step, image)):
        if not isinstance(mount, VolumeMount):
            mounts.append(mount)
            continue
        owner = None
        if mount.cache and step.caller_ids is None:
            owner = numeric(user)
            if owner is None:
                continue  # nobody knows to whom it would have to belong
        if mount.name is None:
            data = record.anonymous / str(number)
            data.mkdir(parents=True)
        else:
            data = store.make_volume(mount.name, step.labels).data
        mounts.append(BindMount(data, mount.target, read_only=mount.read_only))
        if mount.copy and _is_empty(data):
            fills.append(Copy(mount.target, data, owned=True, owner=owner))
    return Placed(tuple(sorted(mounts, key=lambda mount: mount.target.count("/"))), tuple(fills))


def root_of(step: RunContainer, image: Image, settings: EngineSettings) -> Root | None:
    """None where the caller is the container's root."""
    if step.caller_ids is None:
        return None
    uids, gids = id_maps(step.caller_ids, settings)
    directory = posixpath.normpath(step.working_directory or image.working_directory)
    above = {posixpath.dirname(posixpath.normpath(mount.target)) for mount in step.mounts}
    return Root((uids[0].host, gids[0].host), (*sorted(above - {"/", ""}), directory))


def copy(
    buildah: Buildah,
    container: str,
    copies: Sequence[Copy],
    mounts: Sequence[BindMount] = (),
    root: Root | None = None,
    user: User | None = None,
) -> Seen:
    """Copy directories of a container, and look for the user's entry.

    Before that `root` is seen to. Raises StepFailedError when something could not be copied.
    """
    request = {
        "copies": [
            {"path": c.path, "to": str(c.to), "owned": c.owned, "owner": c.owner} for c in copies
        ],
        "mounts": _places(mounts),
        "root": root and root.owner,
        "directories": root.directories if root else (),
        "user": user and (user.uid, _places(user.mounts)),
    }
    done = buildah.in_root(container, _INSIDE, json.dumps(request).encode())
    if done.status:
        paths = ", ".join(wanted.path for wanted in copies)
        raise StepFailedError(
            f"{paths} could not be copied out of the container", engine_words=done.words
        )
    seen = json.loads(done.text)
    return Seen(tuple(map(bool, seen["copied"])), bool(seen["known"]))


def _places(mounts: Sequence[BindMount]) -> list[tuple[str, str]]:
    return [(mount.target, str(mount.source)) for mount in mounts]


def _all(step: RunContainer, image: Image) -> Iterator[BindMount | TmpfsMount | VolumeMount]:
    taken = set()
    for mount in step.mounts:
        target = posixpath.normpath(mount.target)
        taken.add(target)
        yield replace(mount, target=target)
    for target in map(posixpath.normpath, image.volumes):
        if target not in taken:
            yield VolumeMount(target)


def _is_empty(directory: Path) -> bool:
    try:
        return next(directory.iterdir(), None) is None
    except PermissionError:
        return False  # it is a subordinate uid's, so that it has been filled
