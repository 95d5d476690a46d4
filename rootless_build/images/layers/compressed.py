"""What compressed files hold, told apart by their first bytes as BuildKit does."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from rootless_build.files.archives import BadArchiveError
from rootless_build.images.layers.nodes import Content
from rootless_build.images.layers.problems import RefusedError
from rootless_build.process import programs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK: Final = 64 * 1024
_XZ: Final = b"\xfd7zXZ\x00"
_MOST_MEMORY: Final = 512 * 1024**2
"""Bytes that decompressing xz may take; `xz -9` makes archives that take 65 MiB."""
_OVER_THE_LIMIT: Final = "Memory usage limit"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED: Final = b"\x2a\x4d\x18"
"""A frame to be left out begins so, after a byte of 0x5_."""


@contextmanager
def decompressed(content: Content, directory: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed where it is compressed; there may be room needed for them
    in `directory`.

    Reading raises what Python's own modules raise. Raises OSError, ChangedError.
    """
    opened = content.open()
    try:
        with ExitStack() as files:
            plain = files.enter_context(io.BufferedReader(_Blocks(opened.blocks()), 64 * 1024))
            start = plain.peek(8)[:8]
            if start.startswith(b"\x1f\x8b\x08"):
                yield cast("IO[bytes]", files.enter_context(gzip.GzipFile(fileobj=plain)))
            elif start.startswith(b"BZh"):
                yield files.enter_context(bz2.BZ2File(plain))
            elif start.startswith(_XZ):
                yield files.enter_context(io.BufferedReader(_Blocks(_xz(plain)), _BLOCK))
            elif start.startswith(_ZSTD) or (start[1:4] == _ZSTD_SKIPPED and start[0] >> 4 == 5):
                yield files.enter_context(_zstd(plain, directory))
            else:
                yield plain
    finally:
        opened.close()


def _xz(plain: IO[bytes]) -> Iterator[bytes]:
    """What xz streams hold that follow each other. Raises RefusedError, lzma.LZMAError."""
    left = plain.read(_BLOCK)
    while left:
        # A dictionary is as large as the archive says: up to 4 GiB, of which all may be used.
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
        while not decompressor.eof:
            if decompressor.needs_input and not left and not (left := plain.read(_BLOCK)):
                raise EOFError("it ends before its end-of-stream mark")
            yield _decompressed(decompressor, left)
            left = b""
        left = _next_stream(decompressor.unused_data, plain)


def _decompressed(decompressor: lzma.LZMADecompressor, data: bytes) -> bytes:
    try:
        return decompressor.decompress(data, _BLOCK)
    except lzma.LZMAError as error:
        if _OVER_THE_LIMIT not in str(error):
            raise
        most = _MOST_MEMORY // 1024**2
        raise RefusedError(f"the archive needs more than {most} MiB to be decompressed") from error


def _next_stream(rest: bytes, plain: IO[bytes]) -> bytes:
    """The beginning of one more stream; between two there may be zeros."""
    while not (rest := rest.lstrip(b"\0")):
        rest = plain.read(_BLOCK)
        if not rest:
            break
    # Anything else after an archive means nothing.
    return rest if rest.startswith(_XZ) else b""


class _Blocks(io.RawIOBase):
    """Blocks as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        wanted = memoryview(buffer)
        count = min(len(wanted), len(self._rest))
        wanted[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


@contextmanager
def _zstd(plain: IO[bytes], directory: Path) -> Iterator[IO[bytes]]:
    """By the program: Python knows zstd from 3.14 on."""
    if programs.which("zstd") is None:
        raise OSError(errno.ENOSYS, "an archive is compressed with zstd, which is not installed")
    with tempfile.TemporaryFile(dir=directory) as file:
        process = cast(
            "subprocess.Popen[bytes]",
            programs.start(
                ["zstd", "--decompress", "--stdout", "--quiet"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.DEVNULL,
            ),
        )
        try:
            _feed(process, plain)
        finally:
            programs.end(process)
        if process.returncode:
            raise BadArchiveError("zstd can't decompress it")
        file.seek(0)
        yield file


def _feed(process: subprocess.Popen[bytes], plain: IO[bytes]) -> None:
    pipe = cast("IO[bytes]", process.stdin)
    with suppress(BrokenPipeError), pipe:  # its status says why
        while block := plain.read(1024 * 1024):
            pipe.write(block)
    process.wait()
