"""A directory tree that somebody else wrote: walked, opened and removed without leaving it.

Paths inside a tree are strings relative to its root, with surrogate escapes for bytes that are not
UTF-8. A root is always a real path (`Path.resolve`), since containment is decided by comparing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from rootless_build.data import dataclass
from rootless_build.errors import HostError
from rootless_build.escaping import shell_quoted, shown

CHUNK: Final = 1024 * 1024
"""Bytes read at a time: no file is ever held in memory whole."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a tree; `status` is that of a link itself."""

    path: str
    status: os.stat_result


def walk(
    root: Path, start: str = "", failed: Callable[[str, OSError], None] | None = None
) -> Iterator[Entry]:
    """Everything below `start`, a directory before what is in it. No link is followed.

    `failed` is told of what can't be looked at; without it, that is raised.
    """
    failed = failed or _raise
    pending = [start]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(root / directory) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            failed(directory, error)
            continue
        below = []
        for entry in entries:
            path = f"{directory}/{entry.name}" if directory else entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                failed(path, error)
                continue
            yield Entry(path, status)
            if stat.S_ISDIR(status.st_mode):
                below.append(path)
        pending.extend(reversed(below))


def _raise(_path: str, error: OSError) -> None:
    raise error


Seen = tuple[int, int, int]
"""Mode, inode, and time of last change in ns, which no program can set; of a directory only the
mode."""
Snapshot = Mapping[str, Seen]
"""What was seen of each path."""


def snapshot(root: Path) -> Snapshot:
    """What is below `root`, to tell later what was written since; of what is not there, nothing."""
    if not root.is_dir():
        return {}
    return {entry.path: seen(entry.status) for entry in walk(root)}


def seen(status: os.stat_result) -> Seen:
    """What a snapshot has of an entry."""
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode, 0, 0)
    return (status.st_mode, status.st_ino, status.st_ctime_ns)


def directories(found: Snapshot) -> dict[str, int]:
    """The directories of a snapshot, each with its permission bits."""
    return {path: stat.S_IMODE(mode) for path, (mode, *_) in found.items() if stat.S_ISDIR(mode)}


def special(mode: int) -> str:
    """What an entry is that is no file, directory or link."""
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def link_text(link: Path) -> str:
    """What a link says, to the letter."""
    return os.readlink(link)  # noqa: PTH115 - Path.readlink turns `./x` into `x`


def existing(path: Path) -> Path:
    """The path itself, or the nearest directory above it that is there."""
    while not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where this is False
        path = path.parent
    return path


def is_empty(directory: Path) -> bool:
    """Whether a directory holds nothing; one that is not there does."""
    try:
        return next(directory.iterdir(), None) is None
    except FileNotFoundError:
        return True


def inside(root: Path, path: Path) -> bool:
    """Whether `path`, with every link followed, is `root` or below it."""
    return Path(os.path.realpath(path)).is_relative_to(root)


def open_inside(root: Path, path: str) -> BinaryIO:
    """The regular file that `path` leads to, unbuffered, links followed inside the tree only.

    Raises FileNotFoundError, PermissionError, or OSError with the reason in `strerror` when the
    path leads out of the tree or to something else than a regular file.
    """
    outside = OSError(errno.EXDEV, "leads out of the bundles")
    # Before opening, since opening a device does things; and after it, since whoever owns the
    # tree can change it in between, and `sudo rbuild install` reads as root.
    if not inside(root, root / path):
        raise outside
    descriptor = os.open(root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    if not Path(link_text(Path(f"/proc/self/fd/{descriptor}"))).is_relative_to(root):
        os.close(descriptor)
        raise outside
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENOTSUP, "is not a regular file")
    return open(descriptor, "rb", buffering=0)  # noqa: PTH123 - a descriptor has no path


@contextmanager
def directory_inside(root: Path, path: str, *, make: bool = False) -> Iterator[int]:
    """A descriptor of a directory in the tree, to which no link leads.

    `make`: what is missing on the way is made. Raises OSError where something else is in the way,
    or the path leads out of the tree.
    """
    if ".." in path.split("/"):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in filter(None, path.split("/")):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            below = os.open(name, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def leads_out(entry_path: str, link_text: str) -> bool:
    """Whether a link's text is absolute or climbs out of the tree."""
    target = os.path.normpath(Path(entry_path).parent / link_text)
    return target == ".." or target.startswith(("../", "/"))


@contextmanager
def readable(root: Path) -> Iterator[None]:
    """Turns "permission denied" into an error that says what to do."""
    try:
        yield
    except PermissionError as error:
        message = f"{shown(error.filename or root)} can't be read: {error.strerror}"
        raise HostError(
            message,
            finding="bundles-not-readable",
            hint="a container may have left files of another user there; take them back with:"
            f" {chown_command(root)}",
        ) from error


@contextmanager
def writable(directory: Path) -> Iterator[None]:
    """A directory in which a name can be added, also where its mode forbids it otherwise."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o200:
        yield
        return
    directory.chmod(mode | 0o200)
    try:
        yield
    finally:
        directory.chmod(mode)


def chown_command(directory: Path) -> str:
    """The command with which a user gets a directory back that belongs to somebody else."""
    # The shell expands the ids before sudo runs, so they are the user's and not root's.
    return f"sudo chown -R $(id -u):$(id -g) {shell_quoted(directory)}"


def remove(tree: Path) -> None:
    """Remove a tree, its read-only directories included; one that is not there is no error.

    However deep it is: no path in it is ever written out, and no link is followed.
    """
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(tree.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            remove_at(tree.name, descriptor)
        finally:
            os.close(descriptor)


def remove_at(name: str, parent: int) -> None:
    """Remove what is called `name` in the directory that `parent` is a descriptor of.

    Raises FileNotFoundError, or another OSError.
    """
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=parent)
        return
    top = _opened(name, parent)
    try:
        # Each directory below is first moved to the top one: so neither depth nor length counts.
        _empty(top, top)
        while waiting := [e.name for e in _entries(top)]:
            for each in waiting:
                below = _opened(each, top)
                try:
                    _empty(below, top)
                finally:
                    os.close(below)
                os.rmdir(each, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(name, dir_fd=parent)


def _empty(directory: int, top: int) -> None:
    """Remove what is in it, and move its directories to `top`, each with a name of its own."""
    for entry in _entries(directory):
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(entry.name, dir_fd=directory)
        elif directory != top:
            # A directory that can't be written can't get another parent.
            os.close(_opened(entry.name, directory))
            own = secrets.token_hex(16)
            os.rename(entry.name, own, src_dir_fd=directory, dst_dir_fd=top)


def _entries(directory: int) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return list(found)


def _opened(name: str, parent: int) -> int:
    """A descriptor of a directory, which may be read and written from now on."""
    path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        if os.fstat(path).st_mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{path}", 0o700)  # noqa: PTH101 - the link of a descriptor
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=path)
    finally:
        os.close(path)
