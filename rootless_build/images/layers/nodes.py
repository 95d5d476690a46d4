"""What a name in a tree stands for: a file, a directory, a link, and what is known of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final, Protocol

from msgspec import Struct

FIXED_TIME: Final = 946_684_800_000_000_000
"""The time, in nanoseconds, of what COPY makes of nothing, where no SOURCE_DATE_EPOCH is given.

With BuildKit that is the time of the build. A fixed one makes the same layer of the same files; it
is 2000, as zip archives know none before 1980.
"""
SECOND: Final = 1_000_000_000

LONGEST_NAME: Final = 255
"""Bytes of a name that a file system keeps."""

CAPABILITY: Final = "security.capability"
"""The one extended attribute that a layer of docker's keeps."""


class Content(Protocol):
    """The bytes of a regular file."""

    @property
    def size(self) -> int:
        """How many there are."""

    def open(self) -> Opened:
        """Raises OSError, or ChangedError."""


class Opened(Protocol):
    """A file that is being read."""

    def capability(self) -> bytes:
        """What it may do when it is executed, as an extended attribute; empty for nothing."""

    def blocks(self) -> Iterator[bytes]:
        """`size` bytes in all. Raises OSError, or ChangedError."""

    def close(self) -> None:
        """Nothing is read from it any more."""


class _Rare(Struct, gc=False):
    """What few nodes have: see Node."""

    link: str = ""
    rdev: int = 0
    inode: tuple[int, int] | None = None
    lower: str | None = None


class Node(Struct, eq=False, gc=False):
    """A file, as an inode: two names of one are hard links.

    `mode` is with the type. `mtime` is in nanoseconds. `content` is that of a regular file.

    Of a directory, `children` are what is known to be in it. `touched` is the last operation that
    changed it, 0 for none.

    There may be a hundred thousand: what most of them do not have is elsewhere, and none is looked
    at by the collector of cycles, since no node leads back to itself.
    """

    mode: int
    uid: int = 0
    gid: int = 0
    mtime: int = FIXED_TIME
    content: Content | None = None
    children: dict[str, Node | None] | None = None
    touched: int = 0
    _rare: _Rare | None = None

    def __post_init__(self) -> None:
        if self.mode & 0o170000 == 0o040000:
            self.children = {}

    @property
    def link(self) -> str:
        """The text of a symbolic link."""
        return "" if self._rare is None else self._rare.link

    @link.setter
    def link(self, text: str) -> None:
        self._with_rare().link = text

    @property
    def rdev(self) -> int:
        """The number of a device; 0 for none."""
        return 0 if self._rare is None else self._rare.rdev

    @rdev.setter
    def rdev(self, number: int) -> None:
        self._with_rare().rdev = number

    @property
    def inode(self) -> tuple[int, int] | None:
        """What stands for the file that it was read from, where that has more names than one."""
        return None if self._rare is None else self._rare.inode

    @inode.setter
    def inode(self, number: tuple[int, int] | None) -> None:
        self._with_rare().inode = number

    @property
    def lower(self) -> str | None:
        """Of a directory, the path below the image's root of what else the image has there; None
        where there is no more.
        """
        return None if self._rare is None else self._rare.lower

    @lower.setter
    def lower(self, path: str | None) -> None:
        self._with_rare().lower = path

    def _with_rare(self) -> _Rare:
        if self._rare is None:
            self._rare = _Rare()
        return self._rare

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.children is not None

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    def known(self) -> dict[str, Node | None]:
        """The children of a directory. Raises NotADirectoryError."""
        if self.children is None:
            raise NotADirectoryError
        return self.children


def directory(permissions: int, uid: int, gid: int, mtime: int) -> Node:
    """A new and empty directory."""
    return Node(stat.S_IFDIR | permissions, uid, gid, mtime)


def copied(node: Node) -> Node:
    """Another file, which is like it; no directory."""
    made = Node(node.mode, node.uid, node.gid, node.mtime, node.content)
    if node.link or node.rdev:
        made.link, made.rdev = node.link, node.rdev
    return made


def is_whiteout(mode: int, device: int) -> bool:
    """Whether it is how a layer says that a name of those below it is gone: the image has none.

    An overlay hides it, but an image of one layer is read without an overlay.
    """
    return not device and stat.S_ISCHR(mode)


def is_too_long(path: str) -> bool:
    """Whether a name of a path is longer than any that a file system keeps."""
    if len(path) * 4 <= LONGEST_NAME:
        return False
    return any(len(os.fsencode(name)) > LONGEST_NAME for name in path.split("/"))


def of_status(status: os.stat_result) -> Node:
    """What is known of a file without a look into it."""
    node = Node(status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
    if status.st_nlink > 1 and node.children is None:
        node.inode = (status.st_dev, status.st_ino)
    if node.mode & 0o170000 in _DEVICES:
        node.rdev = status.st_rdev
    return node


_DEVICES: Final = frozenset({stat.S_IFCHR, stat.S_IFBLK})
