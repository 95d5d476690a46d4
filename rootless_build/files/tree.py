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
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from rootless_build.files.way import MOST_LINKS, ConfinedWay, Descent
from rootless_build.model.errors import BundlesError, HostError
from rootless_build.model.text import shell_quoted, shown

CHUNK: Final = 1024 * 1024
"""Bytes read at a time: no file is ever held in memory whole."""
MOST: Final = 50_000
"""Files, links and directories that are looked at in bundles which anybody may have written to."""
_PATH_MAX: Final = 4096  # linux/limits.h
_ATTEMPTS: Final = 10
"""How often a tree is removed out of which somebody else takes things."""


class Entry(Struct, frozen=True):
    """A name in a tree; `status` is that of a link itself."""

    path: str
    status: os.stat_result


def name_of(path: str) -> str:
    """The last name of a path in a tree; a Path of each costs more than all else that is done."""
    return path.rpartition("/")[2]


def parent_of(path: str) -> str:
    """The directory that a path in a tree is in, empty for the tree itself."""
    return path.rpartition("/")[0]


def joined(directory: str, name: str) -> str:
    """The path in a tree of what is in a directory of it, which is empty for the tree itself."""
    return f"{directory}/{name}" if directory else name


def real(directory: Path) -> Path:
    """The path without links, also where a link leads to itself."""
    return Path(os.path.realpath(directory))  # Path.resolve raises RuntimeError before 3.13


def contents(root: Path) -> tuple[Entry, ...]:
    """Everything in bundles that anybody may have written to. No link is followed.

    Raises BundlesError when that is too much to look at, HostError when it can't be read.
    """

    def failed(path: str, error: OSError) -> None:
        if error.errno != errno.ENAMETOOLONG:
            raise error
        raise too_much(root, f"{shown(path[:80])}… is nested too deep")

    with readable(root):
        found = tuple(islice(walk(root, failed=failed, most=MOST), MOST + 1))
    if len(found) > MOST:
        raise too_much(root, f"there are more than {MOST} files")
    return found


def too_much(root: Path, why: str) -> BundlesError:
    """What is said of bundles that can't be looked at in reasonable time and memory."""
    return BundlesError(
        f"the bundles in {shown(root)} are not looked at",
        problems=(why,),
        hint="is that what a build made? Remove it, and build them again: rbuild",
    )


def walk(
    root: Path,
    start: str = "",
    failed: Callable[[str, OSError], None] | None = None,
    most: int | None = None,
) -> Iterator[Entry]:
    """Everything below `start`, a directory before what is in it. No link is followed.

    `failed` is told of what can't be looked at; without it, that is raised. Of one directory, one
    entry more than `most` is looked at, in no order then.
    """
    failed = failed or _raise
    pending = [start]
    with Descent(root) as descent:
        while pending:
            directory = pending.pop()
            below = []
            try:
                _check_length(root / directory)
                place = descent.to(directory)
                with os.scandir(place) as found:
                    some = found if most is None else islice(found, most + 1)
                    entries = sorted(some, key=lambda entry: entry.name)
            except OSError as error:
                failed(directory, error)
                continue
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                try:
                    # Of the descriptor, which stays open: nobody can put another in its place.
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:
                    failed(path, error)
                    continue
                yield Entry(path, status)
                if stat.S_ISDIR(status.st_mode):
                    below.append(path)
            pending.extend(reversed(below))


def _check_length(path: Path) -> None:
    if len(os.fsencode(path)) >= _PATH_MAX:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))


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
    return os.readlink(link)  # Path.readlink turns `./x` into `x`


def existing(path: Path) -> Path:
    """The path itself, or the nearest directory above it that is there."""
    while not os.path.exists(path):  # Path.exists raises where this is False
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

    Every name on the way is opened by itself, so that whoever owns the tree can't put a link in its
    place meanwhile; and a device, or a pipe, is never opened to be read. Raises FileNotFoundError,
    PermissionError, or OSError with the reason in `strerror` when the path leads out of the tree
    or to something else than a regular file.
    """
    return _opened_file(root, path, MOST_LINKS)


def open_itself(root: Path, path: str) -> BinaryIO:
    """The regular file at `path`, as `open_inside`; no link is followed. Raises as that does."""
    return _opened_file(root, path, most_links=0)


def _opened_file(root: Path, path: str, most_links: int) -> BinaryIO:
    try:
        found = ConfinedWay(root, path, most_links).end()
        try:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise OSError(errno.ENOTSUP, "is not a regular file")
            descriptor = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NOCTTY)
        finally:
            os.close(found)
    except PermissionError as error:
        raise PermissionError(error.errno, error.strerror, str(root / path)) from error
    return open(descriptor, "rb", buffering=0)  # a descriptor has no path


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
        hint = (
            "a container may have left files of another user there; take them back with:"
            f" {chown_command(root)}"
        )
        user = os.geteuid()
        if user != os.getuid():
            message = f"user {user}, who can write to the project, can't read that: {message}"
            hint = "root reads the project's files with that user's rights"
        raise HostError(message, finding="bundles-not-readable", hint=hint) from error


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

    However deep it is: no path in it is ever written out, and no link is followed. What somebody
    else removes meanwhile is gone too.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(tree.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                remove_at(tree.name, descriptor)
            finally:
                os.close(descriptor)
        # It may be something in it that was not there any more: an engine was at work.
        if not os.path.lexists(tree):
            return
    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(tree))


def remove_at(name: str, parent: int) -> None:
    """Remove what is called `name` in the directory that `parent` is a descriptor of.

    Raises FileNotFoundError, or another OSError.
    """
    if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=parent)
        return
    top = _open_directory(name, parent)
    try:
        # Each directory below is first moved to the top one: so neither depth nor length counts.
        _empty(top, top)
        while waiting := [e.name for e in _entries(top)]:
            for each in waiting:
                below = _open_directory(each, top)
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
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.name, dir_fd=directory)
        elif directory != top:
            # A directory that can't be written can't get another parent.
            os.close(_open_directory(entry.name, directory))
            own = secrets.token_hex(16)
            os.rename(entry.name, own, src_dir_fd=directory, dst_dir_fd=top)


def _entries(directory: int) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return list(found)


def _open_directory(name: str, parent: int) -> int:
    """A descriptor of a directory, which may be read and written from now on."""
    path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        if os.fstat(path).st_mode & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{path}", 0o700)  # the link of a descriptor
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=path)
    finally:
        os.close(path)
