"""What a layer holds, name by name, kept so that a later one can be held against it.

Of each name all that a layer keeps, but the bytes of files. Names are in the order of the layer, so
that two are compared while they are read, and neither is in memory as a whole.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from rootless_build.images.layers.nodes import Node

_MAGIC: Final = b"rbuild files 1\n"
_NUMBER: Final = struct.Struct("<I")
_TOGETHER: Final = 512
"""Names that are written and read at a time."""
_LARGEST: Final = 1 << 26

Changes = Iterable[tuple[str, Node]]


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A name. `names` stands for all names of its file, where that has several, and is empty else.
    `size` is that of a regular file.
    """

    path: bytes
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    rdev: int
    link: bytes
    names: bytes


class DamagedError(Exception):
    """The file is no such index, or not all of one."""


def entries_of(changes: Callable[[], Changes]) -> Iterator[tuple[Entry, str, Node]]:
    """The entries of a layer in its order, each with its name and node."""
    names = _names_of_links(changes())
    for path, node in changes():
        content = node.content
        yield (
            Entry(
                os.fsencode(path),
                node.mode,
                node.uid,
                node.gid,
                node.mtime,
                0 if content is None else content.size,
                node.rdev,
                os.fsencode(node.link),
                names.get(id(node), b"") if node.inode is not None else b"",
            ),
            path,
            node,
        )


def _names_of_links(changes: Changes) -> dict[int, bytes]:
    """What stands for the names of each file that has several in the layer, by its node."""
    found: dict[int, list[str]] = {}
    for path, node in changes:
        if node.inode is not None:
            found.setdefault(id(node), []).append(path)
    return {
        number: hashlib.sha256(os.fsencode("\0".join(paths))).digest()[:16]
        for number, paths in found.items()
        if len(paths) > 1
    }


def write(file: Path, entries: Iterable[Entry]) -> None:
    """Write an index. Raises OSError."""
    encode = msgspec.msgpack.Encoder().encode
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as written:
        written.write(_MAGIC)
        checksum = 0
        for block in map(encode, _together(entries)):
            checksum = zlib.crc32(block, checksum)
            written.write(_NUMBER.pack(len(block)) + block)
        # One that was cut off has no such end.
        written.write(_NUMBER.pack(0) + _NUMBER.pack(checksum))


def _together(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while some := list(itertools.islice(rest, _TOGETHER)):
        yield some


def read(file: Path) -> Iterator[Entry]:
    """The entries of an index; whoever has taken the last one knows that it is not damaged.

    Raises DamagedError, OSError.
    """
    decode = msgspec.msgpack.Decoder(list[Entry]).decode
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as content:
        if content.read(len(_MAGIC)) != _MAGIC:
            raise DamagedError
        checksum = 0
        while length := _number(content):
            block = content.read(min(length, _LARGEST))
            checksum = zlib.crc32(block, checksum)
            try:
                yield from decode(block)
            except msgspec.DecodeError as error:
                raise DamagedError from error
        if _number(content) != checksum:
            raise DamagedError


def _number(content: IO[bytes]) -> int:
    data = content.read(_NUMBER.size)
    if len(data) != _NUMBER.size:
        raise DamagedError
    number: int = _NUMBER.unpack(data)[0]
    return number
