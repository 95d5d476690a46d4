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
    UnfinishedLine,
)
from rootless_build.runner.masking import Mask


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
    reporter.output(b"said\n")
    reporter.instruction_done()
    assert events == [
        BuildProgress(2, 1, 2, "FROM a", BuildState.STARTED),
        BuildProgress(2, 1, 2, "FROM a", BuildState.CACHED),
        BuildProgress(2, 2, 2, "RUN b", BuildState.STARTED),
        OutputLine(2, "stdout", b"said\n"),
        BuildProgress(2, 2, 2, "RUN b", BuildState.DONE),
    ]


def test_a_line_without_an_end_is_told_as_it_is_so_far_and_again_when_it_has_one() -> None:
    events: list[Event] = []
    reporter = StepReporter(events.append, 2)
    reporter.output(b"10 %\r")
    reporter.output(b"20 %\r")
    reporter.output(b"\nnext")
    assert events == [
        UnfinishedLine(2, b"10 %\r"),
        UnfinishedLine(2, b"10 %\r20 %\r"),
        OutputLine(2, "stdout", b"10 %\r20 %\r\n"),
        UnfinishedLine(2, b"next"),
    ]


def test_no_beginning_of_a_secret_is_told_of_a_line_without_an_end() -> None:
    events: list[Event] = []
    reporter = StepReporter(events.append, 2, Mask(["correct-horse"]).stream)
    reporter.output(b"it is correct")
    reporter.output(b"-horse, yes\r")
    told = [event.data for event in events if isinstance(event, UnfinishedLine)]
    assert told == [b"it is ", b"it is ***, yes\r"]
    reporter.flush()
    assert events[-1] == OutputLine(2, "stdout", b"it is ***, yes\r")


def test_no_end_of_a_secret_is_told_of_a_line_that_comes_in_pieces() -> None:
    events: list[Event] = []
    reporter = StepReporter(events.append, 2, Mask(["correct-horse"]).stream)
    reporter.output(b"x" * (LONGEST_LINE - 7) + b"correct")
    reporter.output(b"-horse\r")
    reporter.output(b"20 %\r")
    assert not [event for event in events if isinstance(event, UnfinishedLine)]
    reporter.output(b"\nnext\r")
    assert events[-2:] == [
        OutputLine(2, "stdout", b"***\r20 %\r\n"),
        UnfinishedLine(2, b"next\r"),
    ]


def test_much_of_a_line_without_an_end_is_told_seldom() -> None:
    events: list[Event] = []
    reporter = StepReporter(events.append, 2)
    for _ in range(600):
        reporter.output(b"x" * 100)
    told = [event.data for event in events if isinstance(event, UnfinishedLine)]
    assert len(told) < 300
    assert max(map(len, told)) <= 2000
