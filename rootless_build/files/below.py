"""Paths below a root whose files others own, so that no link leads out of it.

As in a chroot, and as with BuildKit: `/` in a link is the root, and `..` of the root is the root.
What a path leads to is found link by link, then opened name by name with no link followed: whoever
exchanges something in between gets an error.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from rootless_build.files.way import RootedWay


def resolved(root: Path, path: str) -> str:
    """What `path` leads to, relative to `root` and without links; empty for the root itself.

    Raises OSError: FileNotFoundError where a link leads out of the root to what it has not.
    """
    way = RootedWay(root, path)
    os.close(way.end())
    return way.path


@contextmanager
def opened(root: Path, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A descriptor of what is there, to which no link leads, and which is not waited for.

    Raises OSError.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        names = [name for name in path.split("/") if name]
        for number, name in enumerate(names):
            last = number + 1 == len(names)
            how = flags | os.O_NONBLOCK | os.O_NOCTTY if last else os.O_PATH | os.O_DIRECTORY
            below = os.open(name, how | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


class Directories:
    """Directories of one tree, opened one after the other, as a walk comes to them.

    A directory below the last one is opened from there: a deep tree is walked in linear time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path: str | None = None
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def open(self, path: str) -> int:
        """A descriptor of a directory, to which no link leads; the next one ends it.

        Raises OSError.
        """
        last = self._path
        below_last = last is not None and (not last or path.startswith(f"{last}/"))
        start = f"/proc/self/fd/{self._descriptor}" if below_last else self._root
        rest = path[len(last or "") :] if below_last else path
        with opened(Path(start), rest, os.O_RDONLY | os.O_DIRECTORY) as found:
            descriptor = os.dup(found)
        self._close()
        self._path, self._descriptor = path, descriptor
        return descriptor

    def _close(self) -> None:
        if self._path is not None:
            os.close(self._descriptor)
        self._path = None


@contextmanager
def opened_file(root: Path, path: str) -> Iterator[BinaryIO]:
    """A regular file, to which no link leads. Raises OSError, also for anything else."""
    with opened(root, path) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", path)
        with open(descriptor, "rb", closefd=False) as file:
            yield file


def content(root: Path, path: str, largest: int) -> bytes | None:
    """What the file holds that `path` leads to below the root; None where there is none.

    Raises OSError for one that is larger, can't be read, or is no regular one.
    """
    try:
        where = resolved(root, path)
        status = os.lstat(root / where)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    if stat.S_ISDIR(status.st_mode):
        return None
    with opened_file(root, where) as file:
        read = file.read(largest + 1)
    if len(read) > largest:
        raise OSError(errno.EFBIG, f"is larger than {largest} bytes", os.fspath(root / path))
    return read
