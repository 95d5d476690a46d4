"""Output is cut into lines, whatever pieces it comes in."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rootless_build.model.events import (
    LONGEST_LINE,
    BuildProgress,
    BuildState,
    Event,
    OutputLine,
    StepReporter,
)


def lines_of(*pieces: bytes) -> list[bytes]:
    events: list[Event] = []
    reporter = StepReporter(events.append, 1)
    for piece in pieces:
        reporter.output(piece)
    reporter.flush()
    return [event.data for event in events if isinstance(event, OutputLine)]


@given(st.lists(st.binary(max_size=20)))
def test_no_byte_is_lost_and_every_line_is_one_event(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert lines_of(*pieces) == re.findall(rb"[^\n]*\n|[^\n]+", whole)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = lines_of(*[b"x" * 1000] * 200)
    assert max(map(len, lines)) <= LONGEST_LINE + 1000
    assert b"".join(lines) == b"x" * 200_000


def test_an_instruction_is_done_when_the_next_one_begins() -> None:
    events: list[Event] = []
    reporter = StepReporter(events.append, 2)
    reporter.instruction(1, 2, "FROM a")
    reporter.instruction_done(cached=True)
    reporter.instruction(2, 2, "RUN b")
    reporter.output(b"said")
    reporter.instruction_done()
    assert events == [
        BuildProgress(2, 1, 2, "FROM a", BuildState.STARTED),
        BuildProgress(2, 1, 2, "FROM a", BuildState.CACHED),
        BuildProgress(2, 2, 2, "RUN b", BuildState.STARTED),
        OutputLine(2, "stdout", b"said"),
        BuildProgress(2, 2, 2, "RUN b", BuildState.DONE),
    ]
