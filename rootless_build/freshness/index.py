"""What is known about the files of a tree, so that only files that changed are read again.

A file is taken for unchanged when size, modification and change time, inode and mode are as they
were. Nobody can set a change time on a file system that keeps one
(`rootless_build.freshness.filesystems`), so only a change within the clock's own granularity
could go unseen, or one through a mapping of the file that the kernel has not written out yet; as in
git's index, a file that was changed shortly before it was read is not remembered (`RACY`), and is
read again the next time.

One file for each tree: directories in any order, each with the names, states and digests of its
files. A directory in which nothing changed is recognised by one comparison.
"""

from __future__ import annotations

import contextlib
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content

RACY: Final = 60_000_000_000
"""Nanoseconds: a file that is mapped gets a new change time when it is written to for the first
time since the kernel wrote it out, which it does within 35 seconds (vm.dirty_expire_centisecs).
"""
DIGEST: Final = 32
"""Bytes of a sha256."""
NUMBERS: Final = 5
"""mode, size, mtime, ctime, inode: what a state holds, 8 bytes each; of a directory the mode, and
sixteen bytes of its attributes."""
_STATE: Final = NUMBERS * 8
_LARGEST: Final = 1 << 30
_MAGIC: Final = b"rbuild index 2\n"
_HEAD: Final = struct.Struct("<HII")
"""Length of the path, length of the names, number of files."""


class Directory(Struct):
    """What is known about the files of one directory.

    `names` are joined by zero bytes; `states` holds NUMBERS numbers a file, in the same order,
    and `digests` DIGEST bytes a file. `total` stands for all of it but the times.
    """

    names: bytes
    states: bytes
    digests: bytes
    total: bytes

    def files(self) -> dict[bytes, tuple[bytes, bytes]]:
        """State and digest of each file."""
        return {
            name: (
                self.states[number * _STATE : (number + 1) * _STATE],
                self.digests[number * DIGEST : (number + 1) * DIGEST],
            )
            for number, name in enumerate(self.names.split(b"\0"))
        }


def pack(numbers: list[int]) -> bytes:
    """States as they are stored."""
    return array("q", numbers).tobytes()


def forget(states: bytearray, number: int) -> None:
    """Give a file a change time that no file has."""
    start = number * _STATE + 3 * 8
    states[start : start + 8] = b"\xff" * 8


class Index(Struct):
    """The directories of one tree, by their path relative to it."""

    file: Path | None = None
    known: dict[bytes, tuple[int, int]] = {}
    """Where each directory's record is in `content`."""
    content: bytes = b""
    found: dict[bytes, Directory] = {}
    """Directories in which something changed."""

    @classmethod
    def load(cls, file: Path) -> Index:
        """Read the index; one that is not there, or is damaged, knows nothing."""
        try:
            content = plain.content(file, _LARGEST)
        except OSError:
            return cls(file)
        known: dict[bytes, tuple[int, int]] = {}
        if not content.startswith(_MAGIC):
            return cls(file)
        place, end = len(_MAGIC), len(content)
        try:
            while place < end:
                path, names, files = _HEAD.unpack_from(content, place)
                body = place + _HEAD.size + path
                length = names + files * (_STATE + DIGEST) + DIGEST
                known[content[place + _HEAD.size : body]] = (place, body + length)
                place = body + length
        except struct.error:
            return cls(file)
        return cls(file, known, content) if place == end else cls(file)

    def get(self, path: bytes) -> Directory | None:
        """What is known about a directory."""
        where = self.known.get(path)
        if where is None:
            return None
        content, place = self.content, where[0]
        length, names, files = _HEAD.unpack_from(content, place)
        place += _HEAD.size + length
        states = place + names
        digests = states + files * _STATE
        total = digests + files * DIGEST
        return Directory(
            content[place:states],
            content[states:digests],
            content[digests:total],
            content[total : total + DIGEST],
        )

    def put(self, path: bytes, directory: Directory) -> None:
        """Remember a directory."""
        self.found[path] = directory

    def save(self, gone: set[bytes]) -> None:
        """Write the index, without the directories that are `gone`, if there is anything new.

        An index that can't be written costs time in the next run, and nothing else.
        """
        if not (self.found or gone):
            return
        parts, place = [_MAGIC], len(_MAGIC)
        known: dict[bytes, tuple[int, int]] = {}
        for path, record in self._records(gone):
            known[path] = (place, place + len(record))
            place += len(record)
            parts.append(record)
        self.content, self.known, self.found = b"".join(parts), known, {}
        if self.file is not None:
            write_atomically(self.file, self.content)

    def _records(self, gone: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for path, (start, end) in self.known.items():
            if path not in self.found and path not in gone:
                yield path, self.content[start:end]
        for path, made in self.found.items():
            head = _HEAD.pack(len(path), len(made.names), len(made.states) // _STATE)
            yield path, b"".join((head, path, made.names, made.states, made.digests, made.total))


def write_atomically(file: Path, content: bytes) -> None:
    """Replace a file of the cache; a full disk or a read-only home is no failure of the build."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_content(file, content)
