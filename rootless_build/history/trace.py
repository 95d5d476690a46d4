"""A timeline in the Chrome trace-event form, which chrome://tracing, Perfetto and speedscope read.

As "Trace Event Format" has it: complete events (`X`) on threads, of which each has a name (`M`);
times are microseconds. What goes on at a time is on threads of its own, for events of one nest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from rootless_build.history.timeline import Span, StepSpan, Timeline
from rootless_build.model.text import shown

_PROCESS: Final = 1
_BESIDE: Final = 1000
"""Between the threads of two steps."""
_Event = dict[str, object]


def as_json(timeline: Timeline, title: str, facts: Mapping[str, str]) -> bytes:
    """The file: an object. `title` names the run, `facts` are about it."""
    events = [_name("process_name", title), *_events(timeline.steps)]
    about = {shown(name): shown(value) for name, value in facts.items()}
    return msgspec.json.encode(
        {"traceEvents": events, "displayTimeUnit": "ms", "otherData": about}, enc_hook=str
    )


def _events(steps: Sequence[StepSpan]) -> Iterator[_Event]:
    for step in steps:
        first = step.span.number * _BESIDE
        yield _name("thread_name", f"step {step.span.number}: {step.span.title}", first)
        yield _complete(step.span, step.kind, first, {"waited": round(step.waited, 3)})
        ends = [step.span.begin]
        for each in step.instructions:
            lane = next((n for n, end in enumerate(ends) if end <= each.begin), len(ends))
            if lane == len(ends):
                ends.append(0.0)
                yield _name("thread_name", f"step {step.span.number}, beside", first + lane)
            ends[lane] = each.end
            arguments = {"number": each.number, "of": each.of, "stage": shown(each.stage)}
            then = {"until the next one": round(each.waited, 3)}
            yield _complete(each, "instruction", first + lane, {**arguments, **then})


def _complete(span: Span, kind: str, thread: int, arguments: Mapping[str, object]) -> _Event:
    return {
        "name": shown(span.title),
        "cat": kind,
        "ph": "X",
        "ts": round(span.begin * 1e6),
        "dur": round((span.end - span.begin) * 1e6),
        "pid": _PROCESS,
        "tid": thread,
        "args": {"state": str(span.state), **arguments},
    }


def _name(kind: str, name: str, thread: int = 0) -> _Event:
    return {
        "name": kind,
        "ph": "M",
        "pid": _PROCESS,
        "tid": thread,
        "args": {"name": shown(name)},
    }
