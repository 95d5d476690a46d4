"""Lines below the scrolling output of a terminal, drawn anew as they change.

A thread writes all that goes to the terminal: what scrolls is handed to it as bytes, and the lines
are drawn again at most every `PERIOD` seconds, so that much output costs no more than without. The
cursor stands at the beginning of the first of these lines whenever nothing is written: whoever
writes there next, a shell after Ctrl-Z or after a kill, and a window that gets narrower and breaks
lines, find it where the output ends. It is never hidden, so that nothing has to be shown again.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

from msgspec import Struct

PERIOD: Final = 0.1
"""Seconds from one drawing to the next, at least."""
_MOST: Final = 1024 * 1024
"""Bytes of output that wait for the next drawing."""
_ERASE: Final = b"\r\x1b[J"
"""To the end of the screen (ED 0 of ECMA-48), from the beginning of the line."""
_SAVE: Final = "\x1b7"
_RESTORE: Final = b"\x1b8"
"""The cursor's place (DECSC, DECRC): the terminal itself moves it where it shows what is typed."""
_BEGIN, _END = b"\x1b[?2026h", b"\x1b[?2026l"
"""Around what a terminal that knows it shows at once (synchronized output)."""
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""Around lines that are to be cut at the edge (DECAWM): the window may just have got narrower."""

_NO_LINES: Final = "rbuild: what goes on is not shown live any more ({})\n"
"""Where the lines can't be made."""

Draw = Callable[[int, int], Sequence[str]]
"""The lines for a terminal of so many columns and rows; called in the thread."""
Clock = Callable[[], float]


class Size(Struct, frozen=True):
    """Of a terminal's window."""

    columns: int
    rows: int


def size_of(descriptor: int) -> Size:
    """The size of the window now; 80 by 24 where nobody has said (serial lines)."""
    with contextlib.suppress(OSError):
        found = os.get_terminal_size(descriptor)
        return Size(found.columns or 80, found.lines or 24)
    return Size(80, 24)


class Region:
    """The lines, and what scrolls above them. Until `begin` and from `end` on, and in a fork of
    this process, what is written goes straight to the terminal.
    """

    def __init__(self, descriptor: int, draw: Draw, clock: Clock = time.monotonic) -> None:
        self._descriptor = descriptor
        self._draw = draw
        self._clock = clock
        self._process = os.getpid()
        # Of a deque both ends may be used by two threads without a lock, which a signal's handler
        # might find taken by what it interrupts.
        self._waiting: deque[bytes] = deque()
        self._urgent: deque[bytes] = deque()
        self._size = 0
        """Bytes that wait, about."""
        self._thread: threading.Thread | None = None
        self._calls: SimpleQueue[SimpleQueue[None] | None] = SimpleQueue()
        self._is_called = False
        self._ends = False
        self._paused = False
        self._failed: OSError | None = None
        self._drawn: Sequence[str] = ()
        self._drawn_in = Size(0, 0)
        self._shown_at = -PERIOD
        self._has_lines = True
        """Whether lines can be made."""

    @property
    def goes_on(self) -> bool:
        """Whether the lines are there, or may come."""
        return self._thread is not None and os.getpid() == self._process

    def begin(self) -> None:
        """From now on there are lines, if there are any to draw."""
        if self._thread is not None or os.getpid() != self._process:
            return
        self._ends = self._is_called = False
        thread = threading.Thread(target=self._serve, name="rbuild-region", daemon=True)
        thread.start()
        self._thread = thread

    def end(self) -> None:
        """Write what waits, and take the lines away. Raises OSError where that can't be written."""
        if self._thread is None or os.getpid() != self._process:
            return
        thread, self._thread, self._ends = self._thread, None, True
        self._calls.put(None)
        thread.join()
        self._raise_failure()

    def write(self, data: bytes) -> None:
        """Write what scrolls: whole lines. Raises OSError, also of what was written before."""
        if not self.goes_on:
            _write(self._descriptor, data)
            return
        self._raise_failure()
        self._waiting.append(data)
        self._size += len(data)
        if self._size > _MOST:
            self._call_and_wait()
        elif not self._is_called:
            self._is_called = True
            self._calls.put(None)

    def write_now(self, data: bytes) -> None:
        """Write a line before all that waits. It may be called by a signal's handler."""
        if not self.goes_on:
            _write(self._descriptor, data)
            return
        self._urgent.append(data)
        self._calls.put(None)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """A context in which the lines are away, and nothing is written."""
        if not self.goes_on:
            yield
            return
        self._paused = True
        try:
            self._call_and_wait()
            yield
        finally:
            self._paused = False
            self._calls.put(None)

    def _call_and_wait(self) -> None:
        done: SimpleQueue[None] = SimpleQueue()
        self._calls.put(done)
        done.get()

    def _raise_failure(self) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed

    def _serve(self) -> None:
        waits: float | None = 0.0
        while True:
            called = self._take_calls(waits)
            ends, now = self._ends, self._clock()
            due = now - self._shown_at >= PERIOD
            if called or due or ends or self._urgent:
                # From now on a writer calls again.
                self._is_called = False
                self._show(now, due=due, away=ends or self._paused)
            for each in called:
                each.put(None)
            if ends:
                return
            waits = None if self._paused else max(self._shown_at + PERIOD - self._clock(), 0)

    def _take_calls(self, waits: float | None) -> list[SimpleQueue[None]]:
        """Wait for a call, or until something is due; those who wait for what is done then."""
        called = []
        with contextlib.suppress(Empty):
            first = self._calls.get(timeout=waits)
            while True:
                if first is not None:
                    called.append(first)
                first = self._calls.get_nowait()
        return called

    def _show(self, now: float, *, due: bool, away: bool) -> None:
        """Write what waits; draw the lines if it is time for that, and they are not to be away."""
        self._size = 0
        parts = [*_taken(self._urgent), *_taken(self._waiting)]
        lines, size = self._drawn, self._drawn_in
        if away or not self._in_foreground():
            lines = ()
        elif due:
            size = size_of(self._descriptor)
            lines = self._made(size, parts)
        if due:
            self._shown_at = now
        if not parts and lines == self._drawn and size == self._drawn_in:
            return
        if not due:
            lines = ()  # they come again when it is time
        if self._drawn:
            parts.insert(0, _ERASE)
            if size_of(self._descriptor) == self._drawn_in:
                # In a window of another size the place is another: the cursor moved with its line.
                parts.insert(0, _RESTORE)
        if lines:
            parts = [_BEGIN, *parts, _placed(lines), _END]
        self._drawn, self._drawn_in = lines, size
        try:
            _write(self._descriptor, b"".join(parts))
        except OSError as error:
            self._failed = error

    def _made(self, size: Size, parts: list[bytes]) -> Sequence[str]:
        """The lines now. Where they can't be made there are none from then on, which is said in
        `parts`: nobody else would write what scrolls.
        """
        if not self._has_lines:
            return ()
        try:
            return self._draw(size.columns, size.rows)
        except Exception as error:
            self._has_lines = False
            parts.append(_NO_LINES.format(type(error).__name__).encode())
            return ()

    def _in_foreground(self) -> bool:
        """Whether the terminal is this process's to draw on: not after `bg`."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            # It is not this session's terminal, on which there are no jobs.
            return True


def _taken(waiting: deque[bytes]) -> list[bytes]:
    return [waiting.popleft() for _ in range(len(waiting))]


def _placed(lines: Sequence[str]) -> bytes:
    """The lines, and the cursor back where they begin."""
    if not lines:
        return b""
    up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
    return "".join((_CUT, "\r\n".join(lines), "\r", up, _WRAP, _SAVE)).encode(
        errors="backslashreplace"
    )


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Another program (ssh, node) has made the terminal that both have one that never waits.
            select.select([], [descriptor], [])


class ScrollingStream:
    """A stream of output that scrolls above the lines of a region; a line once it is whole."""

    def __init__(self, region: Region, descriptor: int) -> None:
        self._region = region
        self._descriptor = descriptor
        self._rest = b""

    def write(self, data: bytes) -> int:
        """Write some. Raises OSError."""
        whole = self._rest + data if self._rest else data
        if not self._region.goes_on or whole.endswith(b"\n"):
            self._rest = b""
            self._region.write(whole)
        else:
            end = whole.rfind(b"\n") + 1
            self._rest = whole[end:]
            if end:
                self._region.write(whole[:end])
        return len(data)

    def flush(self) -> None:
        """The region writes soon."""

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._descriptor


@contextlib.contextmanager
def stopping_in_order(region: Region) -> Iterator[None]:
    """A context in which Ctrl-Z takes the lines away first; `fg` brings them back.

    For the main thread. Where the signal is ignored or somebody's already, it stays so.
    """
    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        with region.paused():
            signal.signal(number, signal.SIG_DFL)
            # To this thread, which is stopped here, and not a moment later.
            signal.pthread_kill(threading.get_ident(), number)
            signal.signal(number, stop)

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
