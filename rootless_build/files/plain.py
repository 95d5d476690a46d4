"""Files that a container or a project made, read so that nothing else is read in their place."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final


def text_of(file: Path, largest: int) -> str:
    """The text of a regular file; empty for anything else, and where it can't be read.

    What is larger than `largest` bytes is cut.
    """
    return bytes_of(file, largest).decode(errors="replace")


def bytes_of(file: Path, largest: int) -> bytes:
    """What is in a regular file; empty for anything else, and cut after `largest` bytes.

    A link would lead to a file of this host, a named pipe to waiting for ever.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return b""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(largest)


LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a file that is read whole: more than anybody writes."""
_PIECE: Final = 1024 * 1024
_HANDED_OVER: Final = re.compile(r"/(?:dev|proc/self)/fd/\d+|/dev/stdin")


def content(file: Path, largest: int = LARGEST) -> bytes:
    """All of a file that others wrote; nothing waits for one that is a pipe or a terminal.

    A pipe that rbuild was started with (`--env-file <(…)`) is read to its end. Raises OSError for
    anything else than a regular file, and for one of more than `largest` bytes.
    """
    data = beginning(file, largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it has more than {largest:,} bytes", str(file))
    return data


def is_handed_over(file: Path) -> bool:
    """Whether a file is what rbuild was started with, and no file of a directory."""
    return _HANDED_OVER.fullmatch(str(file)) is not None


def beginning(file: Path, size: int) -> bytes:
    """The first `size` bytes of a regular file, or of what rbuild was started with."""
    if "\0" in str(file):
        raise OSError(errno.EINVAL, "no file has such a name", str(file))
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    # A descriptor that is no file's is none of `open` either.
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
        if stat.S_ISFIFO(found.st_mode) and is_handed_over(file):
            os.set_blocking(descriptor, True)
        elif not stat.S_ISREG(found.st_mode) and found.st_rdev != _null():
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        with os.fdopen(os.dup(descriptor), "rb") as opened:
            pieces = iter(lambda: opened.read(min(size, _PIECE)), b"")
            return b"".join(_first(pieces, size))
    finally:
        os.close(descriptor)


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


def _null() -> int:
    return Path(os.devnull).stat().st_rdev


def text(file: Path, largest: int = LARGEST, errors: str = "strict") -> str:
    """The content of a file as text in UTF-8, its lines ended by a newline alone.

    Raises OSError, and UnicodeDecodeError where `errors` is strict.
    """
    read = content(file, largest).decode(errors=errors)
    return read.replace("\r\n", "\n").replace("\r", "\n")
