"""A terminal for tests: what is written to it stands on a screen that can be looked at."""

from __future__ import annotations

import os
import pty
import select
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fcntl import ioctl
from typing import Final

import pyte

DEADLINE: Final = 30.0
"""Seconds after which nothing comes any more."""


class Terminal:
    """Its other end is `descriptor`. All that was written is `written`; what has scrolled away is
    above the screen.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self._outer, self.descriptor = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size; pyte breaks no lines anew."""
        ioctl(self._outer, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def close(self) -> None:
        """Close both ends."""
        for descriptor in (self._outer, self.descriptor):
            if descriptor >= 0:
                os.close(descriptor)

    def type(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self._outer, keys)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without what is empty at its end."""
        shown = [line.rstrip() for line in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def scrolled(self) -> list[str]:
        """All lines: those above the screen, and those of it."""
        above = [
            "".join(line[column].data for column in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        return above + self.lines

    def receive(self, seconds: float = 0.0) -> bytes:
        """What comes within so many seconds, which is not shown."""
        if not select.select([self._outer], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self._outer, 65536)
        except OSError:
            return b""
        self.written += data
        return data

    def read(self, seconds: float = 0.0) -> bool:
        """Show what comes within so many seconds; whether something did."""
        data = self.receive(seconds)
        self._stream.feed(data)
        return bool(data)

    def until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Wait until that holds of what the screen shows. Raises TimeoutError."""
        ends = time.monotonic() + DEADLINE
        while not holds(self.lines):
            if time.monotonic() > ends:
                raise TimeoutError("\n".join(self.lines))
            self.read(0.05)
        return self.lines

    def shows(self, text: str) -> list[str]:
        """Wait until a line of the screen has that."""
        return self.until(lambda lines: any(text in line for line in lines))

    def read_all(self) -> list[str]:
        """Show what has come; all of it is written already."""
        while self.read():
            pass
        return self.lines

    def read_to_end(self) -> list[str]:
        """Show all until nobody has the other end open any more, which this one closes."""
        os.close(self.descriptor)
        self.descriptor = -1
        while self.read(DEADLINE):
            pass
        return self.lines


@contextmanager
def terminal(columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """A terminal, and no longer."""
    made = Terminal(columns, rows)
    try:
        yield made
    finally:
        made.close()
