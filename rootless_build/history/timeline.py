"""When a run's steps and instructions began and ended, out of the lines of its log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from rootless_build.history.lines import Line
from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    StepFinished,
    StepStarted,
)

_Instruction = tuple[int, str, int]
"""Step, stage, number."""


class State(StrEnum):
    """How something ended. OPEN: nobody said; it goes on, or was ended with the run."""

    DONE = "done"
    CACHED = "cached"
    FAILED = "failed"
    OPEN = "open"


class Span(Struct, frozen=True):
    """An instruction of an image build, or a step: times are seconds since the run began.

    `then` is when the next instruction of the build began, or the build ended: the engine keeps the
    result until then, or others had their turn. Of a step it is `end`. `number` is one `of`.
    """

    title: str
    number: int
    of: int
    begin: float
    end: float
    then: float
    state: State
    stage: str = ""

    @property
    def seconds(self) -> float:
        """What it took."""
        return self.then - self.begin

    @property
    def waited(self) -> float:
        """Of that, what followed its own work."""
        return self.then - self.end


class StepSpan(Struct, frozen=True):
    """A step with its instructions. `waited` are seconds from the beginning of those that it goes
    on beside to its own.
    """

    span: Span
    kind: str
    waited: float = 0.0
    instructions: tuple[Span, ...] = ()


class Timeline(Struct, frozen=True):
    """The steps of a run in the order in which they began, and the seconds until it ended."""

    steps: tuple[StepSpan, ...]
    seconds: float


class TimelineMaker:
    """Makes one of lines, which are told in their order; times that are none count as the last."""

    def __init__(self, started: str) -> None:
        """`started` is when the run began, in ISO 8601."""
        self._started = _time(started)
        self._now = 0.0
        self._last = 0.0
        self._steps: dict[int, _Step] = {}

    @property
    def now(self) -> float:
        """When the last line was told, in seconds since the run began."""
        return self._now

    def take(self, line: Line) -> None:
        """The next line."""
        told = line.told
        self._now = self._since(_time(line.timestamp))
        self._last = max(self._last, self._now)
        match told:
            case StepStarted():
                self._steps[told.step] = _Step(told, self._when(told.at))
            case BuildProgress() if told.step in self._steps:
                self._steps[told.step].take(told, self._when(told.at))
            case StepFinished() if told.step in self._steps:
                self._steps[told.step].finish(told, self._when(told.at))
            case _:
                pass

    def timeline(self, seconds: float | None) -> Timeline:
        """All of it. `seconds` is what the run took, None where that is not known."""
        end = max(self._last, seconds or 0.0)
        steps = sorted(self._steps.values(), key=lambda step: step.begin)
        made, together = [], 0.0
        for before, step in zip((None, *steps), steps, strict=False):
            if not (before is not None and before.is_named and step.is_named):
                together = step.begin
            made.append(step.span(end, step.begin - together if step.is_named else 0.0))
        return Timeline(tuple(made), end)

    def _when(self, at: float | None) -> float:
        return self._now if at is None else self._since(at)

    def _since(self, time: float | None) -> float:
        if time is None or self._started is None:
            return self._now
        return max(time - self._started, 0.0)


def of_lines(lines: Iterable[Line], started: str, seconds: float | None) -> Timeline:
    """The timeline of a whole log; see `TimelineMaker`."""
    maker = TimelineMaker(started)
    for line in lines:
        maker.take(line)
    return maker.timeline(seconds)


class _Step:
    def __init__(self, told: StepStarted, begin: float) -> None:
        self.begin = begin
        self.is_named = bool(told.name)
        self._told = told
        self._end: float | None = None
        self._state = State.OPEN
        self._seen: dict[_Instruction, _Seen] = {}
        self._order: list[_Seen] = []

    def take(self, told: BuildProgress, when: float) -> None:
        key = (told.step, told.stage or "", told.number)
        match told.state:
            case BuildState.STARTED:
                self._seen[key] = seen = _Seen(told, when)
                self._order.append(seen)
            case BuildState.CACHED | BuildState.DONE:
                found = self._seen.get(key)
                if found is None:
                    found = self._seen[key] = _Seen(told, when)
                    self._order.append(found)
                cached = told.state is BuildState.CACHED
                found.end, found.state = when, State.CACHED if cached else State.DONE

    def finish(self, told: StepFinished, when: float) -> None:
        self._end = when
        self.begin = min(self.begin, max(when - told.seconds, 0.0)) if self.is_named else self.begin
        self._state = State.FAILED if told.status else State.DONE
        if told.cached:
            self._state = State.CACHED

    def span(self, last: float, waited: float) -> StepSpan:
        end = max(last if self._end is None else self._end, self.begin)
        told = self._told
        span = Span(told.title, told.step, told.of, self.begin, end, end, self._state)
        order = sorted(self._order, key=lambda seen: seen.begin)
        following = [*(seen.begin for seen in order[1:]), end][: len(order)]
        instructions = tuple(
            seen.span(next_begin, self._state)
            for seen, next_begin in zip(order, following, strict=True)
        )
        return StepSpan(span, told.kind, waited, instructions)


class _Seen:
    def __init__(self, told: BuildProgress, begin: float) -> None:
        self._told = told
        self.begin = begin
        self.end: float | None = None
        self.state = State.OPEN

    def span(self, following: float, step: State) -> Span:
        """Until the next one began, if this one had ended by then."""
        told, state, end = self._told, self.state, self.end
        if end is None:
            end = following
            state = State.FAILED if step is State.FAILED else state
        end = max(end, self.begin)
        then = max(following, end)
        stage = told.stage or ""
        return Span(told.instruction, told.number, told.of, self.begin, end, then, state, stage)


def _time(text: str) -> float | None:
    """Seconds since 1970; None for what is no time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
