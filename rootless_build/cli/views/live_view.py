"""The view for people at a terminal: what is going on stands below the output, and changes there.

What has happened scrolls above as in the text view, but for steps and instructions that came to
nothing: those are told in one line. A container or command that has the terminal itself has it
alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

from rootless_build.cli.views.board import Board, Expected, Row
from rootless_build.cli.views.folding import Folding
from rootless_build.cli.views.region import (
    Clock,
    Region,
    ScrollingStream,
    stopping_in_order,
)
from rootless_build.cli.views.text import Sink, TextView, Verbosity
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    AtWork,
    BuildFinished,
    Event,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)

_SHARE: Final = 2
"""The lines take no more than one part of the window in so many."""
_LEAST_ROWS: Final = 6
"""Of a window in which there is room for them."""
STOPPING: Final = b"stopping \xe2\x80\xa6, again to kill\n"

MakeLines = Callable[[Sequence[Row], int, int], Sequence[str]]
"""Makes lines of rows, for so many columns and of no more than so many."""


class LiveView:
    """Shows events at the terminal that standard error is."""

    def __init__(
        self,
        out: Sink,
        err: Sink,
        verbosity: Verbosity,
        lines: MakeLines,
        *,
        color: bool,
        expected: Expected = lambda _: None,
        clock: Clock = time.monotonic,
    ) -> None:
        """`out` is another file where its `columns` are None, and else the same terminal."""
        terminal = err.stream.fileno()
        self._make = lines
        self._board = Board(expected, clock)
        self._region = Region(terminal, self._draw)
        self._stream = ScrollingStream(self._region, terminal)
        above = Sink(self._stream, err.columns)
        one_place = out.columns is not None
        self._text = TextView(
            above if one_place else out, above, verbosity, color=color, one_place=one_place
        )
        self._folding = Folding(self._text.show)
        self._folds = verbosity is not Verbosity.VERBOSE
        self._lent: set[int] = set()
        """Steps in which a container or a command has the terminal."""
        self._rows: tuple[Sequence[Row], int, int] = ((), 0, 0)
        self._lines: Sequence[str] = ()
        self._stack = ExitStack()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._board(event)
        self._text.learn(event)
        match event:
            case OutputLine():
                self._show(event)
                return
            case UnfinishedLine() | AtWork():
                if isinstance(event, AtWork):
                    self._begin()
                return
            case ScreenOutput() if event.step not in self._lent:
                self._lend(event.step)
            case StepStarted():
                if event.terminal:
                    self._lend(event.step)
                self._begin()
            case StepFinished():
                self._lent.discard(event.step)
            case BuildFinished():
                self._board.clear()
            case _:
                pass
        self._show(event)
        if self._board.is_empty:
            self._end()

    def _show(self, event: Event) -> None:
        (self._folding if self._folds else self._text.show)(event)

    def stopping(self) -> None:
        """Say at once that a signal was heard."""
        if self._region.goes_on:
            self._region.write_now(STOPPING)
        else:
            self._text.stopping()

    def error(self, error: RbuildError) -> None:
        """Show what ended the run."""
        self._board.clear()
        self._folding.tell()
        self._end()
        self._text.error(error)

    def close(self) -> None:
        """The run has ended, however."""
        self._end()

    def _begin(self) -> None:
        if self._lent or self._region.goes_on:
            return
        self._region.begin()
        if threading.current_thread() is threading.main_thread():
            self._stack.enter_context(stopping_in_order(self._region))

    def _end(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._stack.close()
        self._region.end()

    def _lend(self, step: int) -> None:
        self._lent.add(step)
        self._folding.tell()
        self._end()

    def _draw(self, columns: int, rows: int) -> Sequence[str]:
        """The lines for a window; what has not changed is not made again."""
        height = rows // _SHARE if rows >= _LEAST_ROWS else 0
        wanted = self._board.rows() if height else ()
        if (wanted, columns, height) != self._rows:
            self._rows = (wanted, columns, height)
            self._lines = self._make(wanted, columns, height) if wanted else ()
        return self._lines
