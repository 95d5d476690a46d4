"""What is going on in a run, as rows of text: each step at work, what it does, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct, field

from rootless_build.cli.views.escapes import for_terminal
from rootless_build.cli.views.tables import duration
from rootless_build.model.events import (
    AtWork,
    BuildProgress,
    BuildState,
    Event,
    OutputLine,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.text import counted, shown

SOON: Final = 1.0
"""Seconds of a step in which nothing is told before it is shown: it may come to nothing."""
_RUNS_OVER: Final = 1.2
"""Of the last time: what takes longer has no end that is expected."""
_ALONE: Final = " "
"""What an instruction is known by that has no stage and goes on beside others."""
_MUCH: Final = 1000
"""Lines of output that are worth telling."""

Clock = Callable[[], float]
Expected = Callable[[str], float | None]
"""The seconds that a step of a title took the last time."""


class Row(Struct, frozen=True):
    """A line: `head` and `text` to the left, `right` at the right edge. `share` of what is expected
    is done, None where nobody knows. `is_step`: it is of a step, and not of something in one.
    """

    head: str
    text: str = ""
    right: str = ""
    share: float | None = None
    is_step: bool = False


class _Doing(Struct):
    head: str
    text: str
    since: float


class _Step(Struct):
    number: int
    of: int
    title: str
    name: str
    since: float
    doing: dict[str, _Doing] = field(default_factory=dict)
    """By the stage of a build; what is told in turns has no name."""
    unfinished: str = ""
    lines: int = 0
    has_told: bool = False


class Board:
    """Learns of a run by its events. `rows` may be asked for by another thread meanwhile."""

    def __init__(self, expected: Expected = lambda _: None, clock: Clock = time.monotonic) -> None:
        self._expected = expected
        self._clock = clock
        self._steps: dict[int, _Step] = {}
        self._last: dict[str, float | None] = {}
        self._has_shown = False

    @property
    def is_empty(self) -> bool:
        """Whether no step is at work."""
        return not self._steps

    def clear(self) -> None:
        """The run has ended."""
        self._steps = {}

    def __call__(self, event: Event) -> None:
        """Learn of one event."""
        match event:
            case OutputLine():
                if (step := self._steps.get(event.step)) is not None:
                    step.lines += 1
                    step.unfinished = ""
                    step.has_told = True
            case StepStarted():
                known = self._steps.get(event.step)
                since = known.since if known else self._clock()
                made = _Step(event.step, event.of, event.title, event.name, since)
                made.doing = known.doing if known else made.doing
                self._steps[event.step] = made
            case StepFinished():
                self._steps.pop(event.step, None)
            case BuildProgress():
                self._progress(event)
            case AtWork():
                self._at_work(event)
            case UnfinishedLine():
                if (step := self._steps.get(event.step)) is not None:
                    step.unfinished = _as_it_is_now(event.data)
                    step.has_told = True
            case _:
                pass

    def _progress(self, event: BuildProgress) -> None:
        step = self._steps.get(event.step)
        if step is None or any(step.doing.keys() - {""}):
            return  # what is at work at once says so itself
        step.has_told, step.unfinished = True, ""
        if event.state is BuildState.STARTED:
            head = instruction_head(event.stage, event.number, event.of)
            text = " ".join(event.instruction.split())
            step.doing[""] = _Doing(head, text, self._clock())
        else:
            step.doing.pop("", None)

    def _at_work(self, event: AtWork) -> None:
        step = self._steps.get(event.step)
        if step is None and event.ends:
            return
        if step is None:
            step = _Step(event.step, event.of_steps, "", event.name, self._clock())
            self._steps[event.step] = step
        step.has_told = True
        if not event.instruction:
            if event.ends:
                self._steps.pop(event.step, None)
            return
        step.doing.pop("", None)
        key = event.stage or _ALONE
        if event.ends:
            step.doing.pop(key, None)
            return
        head = instruction_head(event.stage, event.number, event.of)
        text = " ".join(event.instruction.split())
        known = step.doing.get(key)
        # In its turn it is told once more.
        again = known is not None and (known.head, known.text) == (head, text)
        if not again:
            step.doing[key] = _Doing(head, text, self._clock())

    def rows(self) -> Sequence[Row]:
        """The lines now; none while everything may come to nothing."""
        now, made = self._clock(), list[Row]()
        steps = tuple(self._steps.values())
        if not (self._has_shown or any(s.has_told or now - s.since >= SOON for s in steps)):
            return ()
        self._has_shown = True
        for step in steps:
            made += self._rows_of(step, now)
        return made

    def _rows_of(self, step: _Step, now: float) -> Sequence[Row]:
        took = now - step.since
        last = self._took_last_time(step.title)
        right = elapsed(took)
        if step.lines >= _MUCH:
            right = f"{step.lines:,} lines, {right}"
        share = None
        if last is not None and took < max(last * _RUNS_OVER, last + 1):
            right = f"{right} of {elapsed(last)}"
            share = min(took / last, 1.0) if last else None
        title = shown(step.title) or shown(step.name)
        made = [Row(counted(step.number, step.of), title, right, share, is_step=True)]
        made += (
            Row(each.head, shown(each.text), elapsed(now - each.since))
            for each in tuple(step.doing.values())
        )
        if step.unfinished:
            made.append(Row("", step.unfinished))
        return made

    def _took_last_time(self, title: str) -> float | None:
        if title not in self._last:
            self._last[title] = self._expected(title)
        return self._last[title]


def _as_it_is_now(line: bytes) -> str:
    """What a line shows that was overwritten with carriage returns: a program may erase it first,
    and write then.
    """
    states = map(for_terminal, reversed(line.split(b"\r")))
    return next((state for state in states if state.strip()), "")


def instruction_head(stage: str | None, number: int, of: int) -> str:
    """What stands before an instruction, as BuildKit numbers them."""
    return f"[{shown(stage)} {number}/{of}]" if stage else f"[{number}/{of}]"


def elapsed(seconds: float) -> str:
    """As `duration`, in whole seconds: what changes more often is drawn more often."""
    return f"{int(seconds)} s" if seconds < 10 else duration(seconds)
