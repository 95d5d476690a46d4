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
from rootless_build.process import programs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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
            elif start.startswith(b"\xfd7zXZ\x00"):
                yield files.enter_context(lzma.LZMAFile(plain, format=lzma.FORMAT_XZ))
            elif start.startswith(_ZSTD) or (start[1:4] == _ZSTD_SKIPPED and start[0] >> 4 == 5):
                yield files.enter_context(_zstd(plain, directory))
            else:
                yield plain
    finally:
        opened.close()


class _Blocks(io.RawIOBase):
    """Blocks as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._blocks, b""))
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
