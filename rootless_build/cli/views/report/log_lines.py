"""The lines of a log for a page: no more of them than a browser opens, without control characters.

All that a run said may be hostile: terminal sequences go, what is not printable is an escape.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.escapes import for_terminal
from rootless_build.cli.views.kept_log import Screen
from rootless_build.cli.views.tables import size
from rootless_build.history.lines import KeptError, LeftOut, Line
from rootless_build.model.events import (
    BackendChosen,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    OutputLine,
    StepStarted,
)
from rootless_build.model.text import counted, shown

_COLOURS: Final = re.compile(r"\x1b\[[0-9;:]*m")
_LONGEST: Final = 2000
"""Characters of a line."""


class Kind(StrEnum):
    """What a line is."""

    OUT = "out"
    ERR = "err"
    STEP = "step"
    INSTRUCTION = "instruction"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    GAP = "gap"


class LogLine(Struct, frozen=True):
    """A line; `number` counts those of the whole log, `when` are seconds since the run began."""

    number: int
    when: float
    step: int
    kind: Kind
    text: str


class Share(Struct, frozen=True):
    """How much of a log is on a page: of its beginning and of its end, lines and characters."""

    first_lines: int = 4000
    first_characters: int = 400_000
    last_lines: int = 8000
    last_characters: int = 800_000


class LogLines:
    """Takes a log's lines one after the other, and has those for the page in the end."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque()
        self._first_room = share.first_characters
        self._last_size = 0
        self._number = 0
        self._cut_lines = 0
        self._cut_characters = 0
        self._cut_gap = ""
        self._screen = Screen()

    def take(self, line: Line, when: float) -> None:
        """The next line of the log."""
        told = line.told
        if isinstance(told, KeptError):
            self._end_screen(when)
            for text in _of_error(told):
                self._add(when, told.step or 0, Kind.ERROR, text)
        elif isinstance(told, LeftOut):
            text = f"… {size(told.bytes)} of the log were not kept …"
            self._add(when, 0, Kind.GAP, text)
        else:
            for event in self._screen.lines(told):
                self._take(event, when)

    def end(self, hint: str) -> tuple[LogLine, ...]:
        """The lines, and among them one that says what is missing; `hint` says where it is."""
        self._end_screen(self._last[-1].when if self._last else 0.0)
        if not self._cut_lines:
            return (*self._first, *self._last)
        left = f"{self._cut_lines:,} lines ({size(self._cut_characters)})".replace(",", " ")
        text = f"… {left} are not on this page: {hint}{self._cut_gap} …"
        gap = LogLine(0, self._last[0].when, 0, Kind.GAP, text)
        return (*self._first, gap, *self._last)

    def _end_screen(self, when: float) -> None:
        for event in self._screen.end():
            self._take(event, when)

    def _take(self, event: Event, when: float) -> None:
        step = getattr(event, "step", None) or 0
        for kind, text in _of_event(event):
            self._add(when, step, kind, text)

    def _add(self, when: float, step: int, kind: Kind, text: str) -> None:
        self._number += 1
        line = LogLine(self._number, when, step, kind, _cut(text))
        length, share = len(line.text), self._share
        is_first = not self._last and len(self._first) < share.first_lines
        if is_first and length <= self._first_room:
            self._first.append(line)
            self._first_room -= length
            return
        self._last.append(line)
        self._last_size += length
        while len(self._last) > share.last_lines or self._last_size > share.last_characters:
            gone = self._last.popleft()
            self._last_size -= len(gone.text)
            self._cut_lines += 1
            self._cut_characters += len(gone.text) + 1
            if gone.kind is Kind.GAP:
                self._cut_gap = f"; {gone.text.strip('… ')}"


def plain(data: bytes) -> str:
    """A line of output without terminal sequences, of one that was overwritten the last state."""
    return shown(_COLOURS.sub("", for_terminal(data)).expandtabs())


def _of_event(event: Event) -> Iterator[tuple[Kind, str]]:
    match event:
        case OutputLine():
            yield Kind.ERR if event.stream == "stderr" else Kind.OUT, plain(event.data)
        case StepStarted():
            yield Kind.STEP, f"==> {counted(event.step, event.of)} {shown(event.title)}"
        case BuildProgress(state=BuildState.STARTED):
            yield Kind.INSTRUCTION, f"{_place(event)} {_one_line(event.instruction)}"
        case BuildProgress(state=BuildState.CACHED):
            yield Kind.NOTE, f"{_place(event)} cached"
        case Notice(code="host-setting" | "host-settings"):
            return
        case Notice():
            warning = event.level is Level.WARNING
            text = f"warning: {event.text}" if warning else event.text
            yield Kind.WARNING if warning else Kind.NOTE, _one_line(text)
        case BackendChosen():
            yield Kind.NOTE, shown(f"{event.name} {event.version} ({event.reason})")
        case BundlesPublished():
            number = len(event.files)
            said = f"{number} new or changed files" if number != 1 else "1 new or changed file"
            text = f"bundles: {said} in {event.directory}" if number else "bundles unchanged"
            yield Kind.NOTE, shown(text)
        case _:
            return


def _of_error(told: KeptError) -> Iterator[str]:
    yield _one_line(f"rbuild: {told.message}")
    for text in (told.where, *told.problems, *told.notes, *told.hint.splitlines()):
        if text:
            yield f"  {_one_line(text)}"


def _place(event: BuildProgress) -> str:
    stage = f"{shown(event.stage)} " if event.stage else ""
    return f"[{stage}{event.number}/{event.of}]"


def _one_line(text: str) -> str:
    return shown(" ".join(text.split()))


def _cut(text: str) -> str:
    """A line that is too long, without its middle."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {len(text) - _LONGEST} characters … {text[-half:]}"
