"""A tar archive, written so that the same entries are the same bytes; its sha256 on the way.

ustar, with a pax header before what it has no room for: fractions of a second, long names, large
numbers, capabilities. Python's own writer takes three times as long.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Final, Self

from rootless_build.images.layers.nodes import CAPABILITY, SECOND, Node

_BLOCK: Final = 512
_BATCH: Final = 1024 * 1024
_WAITING: Final = 2
"""Batches that may wait to be written; each is memory."""
_ZEROES: Final = bytes(_BLOCK)
_LONGEST_NAME: Final = 100
_MOST_ID: Final = 0o7777777
_MOST_SIZE: Final = 0o77777777777
_TYPES: Final = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}
_USTAR: Final = b"ustar\x0000" + bytes(64)
_NO_DEVICE: Final = b"0000000\x000000000\x00" + bytes(167)
_PAX_MODE: Final = b"0000644\x000000000\x000000000\x00"
_CAPABILITY: Final = f"SCHILY.xattr.{CAPABILITY}".encode()
_NO_CHECKSUM: Final = b" " * 8


class Writer:
    """An archive in a file that is written. The context closes it, and ends the archive unless an
    exception ends the context.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = _File(descriptor)
        self._waiting: list[bytes] = []
        self._length = 0
        self.entries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._put(_ZEROES * 2)
                self._file.end(b"".join(self._waiting))
        finally:
            self._file.close()

    @property
    def digest(self) -> str:
        """The sha256 of the archive, in hex, once it is at its end."""
        return self._file.hash.hexdigest()

    @property
    def size(self) -> int:
        """Its bytes, once it is at its end."""
        return self._file.size

    def add(self, path: str, node: Node) -> None:
        """An entry with what is known of it. Raises OSError, or ChangedError."""
        name = os.fsencode(path)
        kind = stat.S_IFMT(node.mode)
        if kind == stat.S_IFREG and node.content is not None:
            opened = node.content.open()
            try:
                self._header(name, b"0", node, node.content.size, opened.capability())
                for block in opened.blocks():
                    self._put(block)
            finally:
                opened.close()
            self._put(_padding(node.content.size))
            return
        name += b"/" if kind == stat.S_IFDIR else b""
        self._header(name, _TYPES[kind], node, link=os.fsencode(node.link))

    def add_link(self, path: str, first: str, node: Node) -> None:
        """One more name of a file that has its entry already, as `first`."""
        self._header(os.fsencode(path), b"1", node, link=os.fsencode(first))

    def _header(
        self,
        name: bytes,
        kind: bytes,
        node: Node,
        size: int = 0,
        capability: bytes = b"",
        link: bytes = b"",
    ) -> None:
        self.entries += 1
        seconds, fraction = divmod(node.mtime, SECOND)
        records: list[bytes] = []
        if len(name) > _LONGEST_NAME:
            records.append(_record(b"path", name))
            name = name[:_LONGEST_NAME]
        if len(link) > _LONGEST_NAME:
            records.append(_record(b"linkpath", link))
            link = link[:_LONGEST_NAME]
        if fraction or seconds < 0 or seconds > _MOST_SIZE:
            # docker cuts fractions off towards the past, and engines towards 1970.
            exact = node.mtime if seconds >= 0 else seconds * SECOND
            records.append(_record(b"mtime", _decimal(exact)))
            seconds = min(max(seconds, 0), _MOST_SIZE)
        uid, gid = node.uid, node.gid
        if uid > _MOST_ID or gid > _MOST_ID or size > _MOST_SIZE:
            records += _large(uid, gid, size)
        if capability:
            records.append(_record(_CAPABILITY, capability))
        pax = _pax(name, b"".join(records)) if records else b""
        numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (
            node.mode & 0o7777,
            min(uid, _MOST_ID),
            min(gid, _MOST_ID),
            min(size, _MOST_SIZE),
            seconds,
        )
        device = _NO_DEVICE
        if node.rdev:
            device = b"%07o\0%07o\0" % (os.major(node.rdev), os.minor(node.rdev)) + bytes(167)
        header = _summed(name, numbers, kind + link.ljust(_LONGEST_NAME, b"\0"), device)
        self._put(pax + header)

    def _put(self, data: bytes) -> None:
        self._waiting.append(data)
        self._length += len(data)
        if self._length >= _BATCH:
            self._file.put(b"".join(self._waiting))
            self._waiting.clear()
            self._length = 0


class _File:
    """A file that is written batch by batch, and the sha256 of it. It is done in a thread, where
    there is more than one batch: a third of the time that an archive takes is the kernel's and
    OpenSSL's, and the next files can be read meanwhile.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._batches: Queue[bytes] = Queue(_WAITING)
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self.hash = hashlib.sha256()
        self.size = 0

    def put(self, batch: bytes) -> None:
        """Write more of it. Raises OSError, of this batch or of an earlier one."""
        if self._thread is None:
            self._thread = Thread(target=self._write_batches, daemon=True)
            self._thread.start()
        self._batches.put(batch)
        if self._error is not None:
            raise self._error

    def end(self, batch: bytes) -> None:
        """Write the last of it; all is written then. Raises OSError."""
        self._wait()
        if self._error is not None:
            raise self._error
        self._write(batch)

    def close(self) -> None:
        """Nothing more is written."""
        self._wait()
        os.close(self._descriptor)

    def _wait(self) -> None:
        if self._thread is not None:
            self._batches.put(b"")
            self._thread.join()
            self._thread = None

    def _write_batches(self) -> None:
        while batch := self._batches.get():
            if self._error is None:
                try:
                    self._write(batch)
                except Exception as error:  # MemoryError too
                    self._error = error  # who puts a batch must not wait for ever

    def _write(self, batch: bytes) -> None:
        self.hash.update(batch)
        self.size += len(batch)
        data = memoryview(batch)
        while data:
            data = data[os.write(self._descriptor, data) :]


def _pax(name: bytes, records: bytes) -> bytes:
    """A header with more than another one has room for, which follows it."""
    length = len(records)
    numbers = _PAX_MODE + b"%011o\0%011o\0" % (length, 0)
    # The name is for readers that know no pax headers.
    title = b"PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2]
    title = title[:_LONGEST_NAME]
    header = _summed(title, numbers, b"x" + bytes(_LONGEST_NAME), _NO_DEVICE)
    return header + records + _padding(length)


def _padding(length: int) -> bytes:
    """What fills the last block."""
    return _ZEROES[: -length % _BLOCK]


def _summed(name: bytes, numbers: bytes, kind: bytes, device: bytes) -> bytes:
    """A header with its checksum in it."""
    tail = kind + _USTAR + device
    start = name.ljust(_LONGEST_NAME, b"\0") + numbers
    # Of so few bytes the low half of adler32 is their sum, and one.
    total = (zlib.adler32(start + _NO_CHECKSUM + tail) & 0xFFFF) - 1
    return b"%b%06o\0 %b" % (start, total, tail)


def _record(key: bytes, value: bytes) -> bytes:
    """A line of a pax header, which begins with its own length."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _large(uid: int, gid: int, size: int) -> list[bytes]:
    named = ((b"uid", uid, _MOST_ID), (b"gid", gid, _MOST_ID), (b"size", size, _MOST_SIZE))
    return [_record(key, b"%d" % value) for key, value, most in named if value > most]


def _decimal(time: int) -> bytes:
    """Nanoseconds as seconds with a fraction."""
    sign = b"-" if time < 0 else b""
    seconds, fraction = divmod(abs(time), SECOND)
    return b"%b%d.%09d" % (sign, seconds, fraction)
