"""Where the bytes of a regular file are: in a tree of the host, in memory, in a file of ours."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, Protocol

from msgspec import Struct

from rootless_build.images.layers.nodes import CAPABILITY
from rootless_build.images.layers.problems import ChangedError

_BLOCK: Final = 1024 * 1024
_OTHERS: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""What opening a regular file says when there is none any more, but nothing, a link, a socket."""
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def check_room(directory: Path, size: int, largest: str, most: int) -> None:
    """Raise OSError where a directory has no room for files of a size in all, `most` of it that of
    the largest one: with holes it may be larger than any disk, and all of it would be written.
    """
    system = os.statvfs(directory)
    free = system.f_bavail * system.f_frsize
    if system.f_blocks and size > free:
        message = (
            f"{os.strerror(errno.ENOSPC)}: {size} bytes are needed in {directory} (TMPDIR), which"
            f" has {free}: {most} for {largest} alone"
        )
        raise OSError(errno.ENOSPC, message)


class Place(Protocol):
    """A tree of the host in which files are opened."""

    def directory(self, path: str) -> int:
        """A descriptor of a directory, to which no link leads; the next one ends it."""


class HostFile(Struct, eq=False, gc=False):
    """A file of a tree of the host, which was seen with a status.

    Of that it keeps what tells whether it is the same file still: there are many such files.
    """

    _place: Place
    _parent: str
    _name: str
    _inode: int
    _modified: int
    _changed: int
    size: int

    @classmethod
    def seen(cls, place: Place, parent: str, name: str, status: os.stat_result) -> HostFile:
        """The one of that name in a directory of the tree."""
        modified, changed = status.st_mtime_ns, status.st_ctime_ns
        if changed == modified:
            changed = modified  # one number in memory, not two
        return cls(place, parent, name, status.st_ino, modified, changed, status.st_size)

    def open(self) -> OpenedFile:
        """Raises OSError, or ChangedError where it is not the file any more that was seen."""
        try:
            descriptor = os.open(self._name, _FLAGS, dir_fd=self._place.directory(self._parent))
        except OSError as error:
            if error.errno in _OTHERS:
                raise ChangedError(self.path) from error
            raise OSError(error.errno, error.strerror, self.path) from error
        return OpenedFile(descriptor, self)

    def check(self, descriptor: int) -> None:
        """Raise ChangedError where what is open is not the file as it was seen."""
        now = os.fstat(descriptor)
        same = (
            self._inode == now.st_ino
            and self.size == now.st_size
            and self._modified == now.st_mtime_ns
            and self._changed == now.st_ctime_ns
            and stat.S_ISREG(now.st_mode)
        )
        if not same:
            raise ChangedError(self.path)

    def is_same(self, other: HostFile) -> bool:
        """Whether another is this file too, seen through other layers of the same storage."""
        own = (self._inode, self.size, self._modified, self._changed)
        return own == (other._inode, other.size, other._modified, other._changed)

    @property
    def path(self) -> str:
        """Below the root of its tree."""
        return f"{self._parent}/{self._name}" if self._parent else self._name


class OpenedFile:
    """A file of the host that is being read."""

    __slots__ = ("_descriptor", "_seen")

    def __init__(self, descriptor: int, seen: HostFile) -> None:
        self._descriptor = descriptor
        self._seen = seen
        try:
            seen.check(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def capability(self) -> bytes:
        """What it may do when it is executed; empty for nothing."""
        try:
            if CAPABILITY in os.listxattr(self._descriptor):
                return os.getxattr(self._descriptor, CAPABILITY)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
        return b""

    def blocks(self) -> Iterator[bytes]:
        """Its bytes; it was not changed when the last one is there. Raises ChangedError."""
        left = self._seen.size
        while left:
            block = os.read(self._descriptor, min(left, _BLOCK))
            if not block:
                raise ChangedError(self._seen.path)
            left -= len(block)
            yield block
        self._seen.check(self._descriptor)

    def close(self) -> None:
        """Nothing is read from it any more."""
        os.close(self._descriptor)


class InMemory:
    """Bytes that are there already."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def open(self) -> InMemory:
        """It needs no opening."""
        return self

    def capability(self) -> bytes:
        """None."""
        return b""

    def blocks(self) -> Iterator[bytes]:
        """All of it."""
        if self._data:
            yield self._data

    def close(self) -> None:
        """There is nothing to close."""


class Spool:
    """A file of ours that has no name, for what archives hold until it is in a layer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: IO[bytes] | None = None
        self._end = 0

    def close(self) -> None:
        """It is gone, and all that is in it."""
        if self._file is not None:
            self._file.close()

    def add(self, source: IO[bytes], capability: bytes) -> Spooled:
        """Keep what a file holds. Raises OSError, and what reading it raises."""
        if self._file is None:
            with ExitStack() as opened:
                self._file = opened.enter_context(tempfile.TemporaryFile(dir=self.directory))
                opened.pop_all()
        start = self._end
        while block := source.read(_BLOCK):
            self._file.write(block)
            self._end += len(block)
        self._file.flush()
        return Spooled(self._file.fileno(), start, self._end - start, capability)


class Spooled:
    """A part of such a file."""

    __slots__ = ("_capability", "_descriptor", "_start", "size")

    def __init__(self, descriptor: int, start: int, size: int, capability: bytes) -> None:
        self._descriptor = descriptor
        self._start = start
        self._capability = capability
        self.size = size

    def open(self) -> Spooled:
        """It is open."""
        return self

    def capability(self) -> bytes:
        """What the archive says."""
        return self._capability

    def blocks(self) -> Iterator[bytes]:
        """Raises OSError."""
        at, left = self._start, self.size
        while left:
            block = os.pread(self._descriptor, min(left, _BLOCK), at)
            at, left = at + len(block), left - len(block)
            yield block

    def close(self) -> None:
        """The file stays open for other parts."""
