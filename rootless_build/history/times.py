"""Where the time of a run went, and what the same took in another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from rootless_build.history.timeline import State, StepSpan, Timeline


class Part(Struct, frozen=True):
    """A part of a run: a step, or an instruction of one, with `stage`. `now` and `before` are the
    seconds that it took, None where it was not done; `state` is that of now.
    """

    title: str
    step: str
    stage: str
    now: float | None
    before: float | None
    state: State | None
    waited: float = 0.0
    """Seconds of `now` that followed its own work."""

    @property
    def most(self) -> float:
        """The longer of both."""
        return max(self.now or 0.0, self.before or 0.0)


_Key = tuple[str, str, str, int]
_Found = tuple[float, State, float]


def parts(now: Timeline, before: Timeline | None) -> list[Part]:
    """The parts of both, those that took longest first."""
    found = dict(_parts(now))
    other = dict(_parts(before)) if before is not None else {}
    made = [
        Part(
            title,
            step,
            stage,
            found[key][0] if key in found else None,
            other[key][0] if key in other else None,
            found[key][1] if key in found else None,
            found[key][2] if key in found else 0.0,
        )
        for key in dict.fromkeys((*found, *other))
        for step, stage, title, _ in (key,)
    ]
    return sorted(made, key=lambda part: part.most, reverse=True)


def _parts(timeline: Timeline) -> Iterator[tuple[_Key, _Found]]:
    """What is no part of another: instructions, and steps that have none; and what of a step is
    before its first instruction. The same may be there more than once.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for step in timeline.steps:
        for stage, title, seconds, state, waited in _of_step(step):
            key = (step.span.title, stage, title)
            seen[key] += 1
            yield (*key, seen[key]), (seconds, state, waited)


def _of_step(step: StepSpan) -> Iterator[tuple[str, str, float, State, float]]:
    if not step.instructions:
        yield "", step.span.title, step.span.seconds, step.span.state, 0.0
        return
    first = step.instructions[0]
    yield "", "before its first instruction", first.begin - step.span.begin, State.DONE, 0.0
    for each in step.instructions:
        yield each.stage, each.title, each.seconds, each.state, each.waited
