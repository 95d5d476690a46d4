"""Files that belong to somebody else in a directory tree: found, and made the caller's.

As a script (`python3 -I -S foreign.py`) it does so as root of a user namespace, where subordinate
uids are its to change; the standard library is all it has. It reads a `Request` from standard input
as a JSON object, and writes a `Result`.

A tree is walked by descriptors, never by paths that could be exchanged meanwhile: no link is
followed and no other file system entered. However deep it is, nothing is recursive; each level
holds a descriptor.
"""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
from collections.abc import Callable, Collection
from typing import NamedTuple

Inode = tuple[int, int]
"""Device and number."""


class Request(NamedTuple):
    """What is to be made the property of whoever does it: the `places`, and all that is in them.

    But for what is `before`, with all that is in it, and, unless `storages`, what a container
    engine keeps there. A place counts only while its path leads to that file.
    """

    places: list[tuple[str, Inode]]
    before: list[Inode]
    storages: bool


def request(found: dict[str, object]) -> Request:
    """A request as JSON has it. Raises KeyError, TypeError or ValueError for anything else."""
    places = []
    for place in _listed(found["places"]):
        path, inode = _listed(place)
        places.append((str(path), _inode(inode)))
    before = [_inode(inode) for inode in _listed(found["before"])]
    return Request(places, before, storages=bool(found["storages"]))


def _inode(found: object) -> Inode:
    device, number = (int(str(part)) for part in _listed(found))
    return device, number


def _listed(found: object) -> list[object]:
    if not isinstance(found, list):
        raise TypeError(found)
    return found


class Result(NamedTuple):
    """`given`: how many have another owner now. `left`: those that were to, and have not."""

    given: int
    left: list[str]


class Seen(NamedTuple):
    """An entry of a tree. `name` is relative to the directory open as `directory`."""

    path: str
    directory: int | None
    name: str
    status: os.stat_result

    @property
    def inode(self) -> Inode:
        """Which file it is, whatever its name."""
        return self.status.st_dev, self.status.st_ino


Visit = Callable[[Seen, bool], bool | None]
"""Called with an entry, and whether the directory that it is in is the caller's; says the same of
the entry itself where it is a directory to go into, else None."""

Failed = Callable[[str, OSError], None]

# Of containers/storage (podman, buildah), docker from 23.0 on, containerd.
_STORAGE = ("storage.lock", "engine-id", "io.containerd.metadata.v1.bolt")
_TOGETHER = (
    {"containers", "image", "network", "volumes"},  # docker before 23.0
    {"volume.json", "data"},  # a volume of rbuild's for buildah
)


def is_storage(names: Collection[str]) -> bool:
    """Whether a directory with these entries is where a container engine keeps something."""
    found = set(names)
    return not found.isdisjoint(_STORAGE) or any(found >= each for each in _TOGETHER)


def walk(top: str, visit: Visit, failed: Failed, *, storages: bool = False) -> None:
    """Visit `top`, and below it, on the same file system, all directories and whatever is not the
    caller's; a directory before its content.

    `failed` is told what could not be looked at; what went away meanwhile is not there. What a
    container engine keeps is left out unless `storages`.
    """
    try:
        seen = Seen(top, None, top, os.lstat(top))
        above = os.stat(os.path.dirname(top))  # a script's speed
    except FileNotFoundError:
        return
    except OSError as error:
        failed(top, error)
        return
    device = seen.status.st_dev
    below = visit(seen, above.st_uid == os.getuid())
    pending: list[tuple[int, bool, list[Seen]]] = []
    try:
        while True:
            if below is not None and seen.status.st_dev == device:
                opened = _open(seen, failed, storages=storages)
                if opened is not None:
                    pending.append((opened[0], below, opened[1]))
            while pending and not pending[-1][2]:
                os.close(pending.pop()[0])
            if not pending:
                return
            _, ours, rest = pending[-1]
            seen = rest.pop()
            below = visit(seen, ours)
    finally:
        for descriptor, *_ in pending:
            os.close(descriptor)


def _open(seen: Seen, failed: Failed, *, storages: bool) -> tuple[int, list[Seen]] | None:
    """A directory's descriptor and what is in it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = None
    try:
        descriptor = os.open(seen.name, flags, dir_fd=seen.directory)
        names, found = _entries(seen.path, descriptor)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        if not isinstance(error, FileNotFoundError):
            failed(seen.path, error)
        return None
    if not storages and is_storage(names):
        found.clear()
    return descriptor, found


def _entries(path: str, directory: int) -> tuple[list[str], list[Seen]]:
    """All names, and what is to be visited."""
    names: list[str] = []
    found: list[Seen] = []
    us = os.getuid()
    with os.scandir(directory) as entries:
        for entry in entries:
            name = entry.name
            names.append(name)
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if status.st_uid != us or stat.S_ISDIR(status.st_mode):
                found.append(Seen(f"{path}/{name}", directory, name, status))
    return names, found


def is_inode(path: str, inode: Inode) -> bool:
    """Whether a path leads to that file, itself and not through a link."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == inode


def take(request: Request) -> Result:
    """Do what the request says."""
    us, owner = os.getuid(), (os.getuid(), os.getgid())
    before = set(request.before)
    given = 0
    left: list[str] = []

    def visit(seen: Seen, _: bool) -> bool | None:
        nonlocal given
        if seen.inode in before:
            return None
        if seen.status.st_uid != us:
            try:
                os.chown(seen.name, *owner, dir_fd=seen.directory, follow_symlinks=False)
                given += 1
            except OSError:
                left.append(seen.path)
        return True if stat.S_ISDIR(seen.status.st_mode) else None

    def failed(path: str, _: OSError) -> None:
        left.append(path)

    for place, inode in request.places:
        if is_inode(place, inode):
            walk(place, visit, failed, storages=request.storages)
    return Result(given, left)


def main() -> None:
    """Do what standard input says, and answer on standard output."""
    wanted = json.load(sys.stdin)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    json.dump(take(request(wanted))._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
