"""The log of a run on disk: its beginning, and, of one that is long, its end.

    DIRECTORY/log.jsonl         the first bytes
    DIRECTORY/log.N.jsonl       N from 1: what comes then; only the last two are kept

Each of the latter begins with a line that says how many bytes those between it and the first had:
where they are gone, so many are missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from rootless_build.history import lines

BEGINNING: Final = 16 * 1024 * 1024
"""Bytes of the first file."""
PIECE: Final = 8 * 1024 * 1024
"""Bytes of each that follows."""
_PIECES: Final = 2
_NAME: Final = re.compile(r"log(?:\.([1-9]\d{0,8}))?\.jsonl")
_READ: Final = 256 * 1024

Wait = Callable[[], bool]
"""Called where no more is there yet: waits, and says whether more may come."""


class LogFiles:
    """Written at the end, and cut in the middle where it is too long. Every method raises OSError.

    Lines may come from several threads, but not at once.
    """

    def __init__(self, directory: Path, *, beginning: int = BEGINNING, piece: int = PIECE) -> None:
        self._directory = directory
        self._number = 0
        self._room = beginning
        self._piece = piece
        self._between = 0
        """Bytes of the files after the first one and before the last."""
        self._descriptor = _open(directory, 0)

    def write(self, text: bytes) -> None:
        """Write whole lines."""
        if len(text) > self._room:
            self._go_on()
        self._append(text)

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._descriptor)

    def _append(self, text: bytes) -> None:
        left = memoryview(text)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._room -= len(text)

    def _go_on(self) -> None:
        if self._number:
            self._between += self._piece - self._room
        self._number += 1
        # The old one stays where there is no room for another.
        opened = _open(self._directory, self._number)
        os.close(self._descriptor)
        self._descriptor, self._room = opened, self._piece
        self._append(lines.of_left_out(self._between))
        if self._number > _PIECES:
            _file(self._directory, self._number - _PIECES).unlink(missing_ok=True)


def first(directory: Path) -> Path:
    """The file that a log begins with."""
    return _file(directory, 0)


def read(directory: Path, wait: Wait = lambda: False) -> Iterator[bytes]:
    """The lines of a log, without those that say what is missing where nothing is.

    With `wait`, also those that come while they are read. Raises OSError.
    """
    last = -1
    while True:
        after = [number for number in _numbers(directory) if number > last]
        if after:
            number = after[0]
            with suppress(FileNotFoundError):  # cut away meanwhile
                yield from _kept(_file_lines(directory, number, wait), is_gap=number > last + 1)
            last = number
        elif not wait():
            return


def size(directory: Path) -> int:
    """Bytes of all files of a log."""
    return sum(_file(directory, number).stat().st_size for number in _numbers(directory))


def _kept(found: Iterator[bytes], *, is_gap: bool) -> Iterator[bytes]:
    for line in found:
        if is_gap or not lines.is_left_out(line):
            yield line


def _file_lines(directory: Path, number: int, wait: Wait) -> Iterator[bytes]:
    """The whole lines of a file, until another follows it or nothing more comes."""
    begun = bytearray()
    with _file(directory, number).open("rb") as file:
        while True:
            followed = _is_followed(directory, number)
            data = file.read(_READ)
            if not data:
                # What was written before the next file began has been read.
                if followed or not wait():
                    return
                continue
            begun += data
            *whole, rest = begun.split(b"\n")
            begun = bytearray(rest)
            yield from (bytes(line) for line in whole)


def _is_followed(directory: Path, number: int) -> bool:
    return any(other > number for other in _numbers(directory))


def _numbers(directory: Path) -> list[int]:
    names = (path.name for path in directory.iterdir())
    found = (_NAME.fullmatch(name) for name in names)
    return sorted(int(name[1] or 0) for name in found if name)


def _open(directory: Path, number: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    return os.open(_file(directory, number), flags, 0o600)


def _file(directory: Path, number: int) -> Path:
    return directory / (f"log.{number}.jsonl" if number else "log.jsonl")
