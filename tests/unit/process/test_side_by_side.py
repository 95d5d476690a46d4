"""Work side by side: who waits for whom, and how all of it ends."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from rootless_build.process import programs, stops
from rootless_build.process.side_by_side import SideBySide


def test_pieces_go_on_side_by_side_and_wait_for_each_other() -> None:
    meeting = threading.Barrier(2)

    def work(number: int) -> str:
        if number < 2:
            meeting.wait(60)
            return str(number)
        return beside.result(0) + beside.result(1) + str(number)

    beside = SideBySide(work)
    assert beside.run((0, 1, 2)) == "012"


def test_what_was_not_asked_for_is_done_where_it_is_needed() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        return number if number < 2 else beside.result(1)

    beside = SideBySide(work)
    assert beside.run((0, 2, 3)) == 1
    assert sorted(begun) == [0, 1, 2, 3]


def test_the_first_failure_ends_the_rest() -> None:
    at_work = threading.Event()
    ended: list[BaseException] = []

    def work(number: int) -> int:
        if number == 0:
            try:
                programs.stream(["sh", "-c", "echo; sleep 100000"], lambda *_: at_work.set())
            except BaseException as error:  # to be looked at by the test
                ended.append(error)
                raise
        if number == 1:
            at_work.wait()
            raise ValueError("one")
        return beside.result(1)

    beside = SideBySide(work)
    with pytest.raises(ValueError, match="one"):
        beside.run((0, 1, 2))
    assert beside.failed == 1
    assert [type(error) for error in ended] == [KeyboardInterrupt]


def test_one_that_others_wait_for_is_what_failed() -> None:
    def work(number: int) -> int:
        if number == 0:
            raise ValueError("none")
        return beside.result(0)

    beside = SideBySide(work)
    with pytest.raises(ValueError, match="none"):
        beside.run((0, 1))
    assert beside.failed == 0


def test_work_within_work_ends_with_it() -> None:
    """Platforms side by side, each with its stages: who is stopped stops what it began."""
    begun = threading.Barrier(2)
    ended: list[int] = []

    def inner(number: int) -> int:
        begun.wait(60)
        try:
            while True:
                stops.wait_for(Future[None]())
        except KeyboardInterrupt:
            ended.append(number)
            raise

    def outer(number: int) -> int:
        if number == 0:
            return SideBySide(inner).run((0,))
        begun.wait(60)
        message = "the other platform"
        raise ValueError(message)

    with pytest.raises(ValueError, match="the other platform"):
        SideBySide(outer).run((0, 1))
    assert ended == [0]
