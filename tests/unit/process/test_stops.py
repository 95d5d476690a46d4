"""What goes on in a thread is stopped as Ctrl-C stops the main thread."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from rootless_build.process import left_behind, programs, stops
from rootless_build.process.stops import Stop

ENDLESS = ["sh", "-c", "echo begun; exec sleep 100000"]


def stopped(work: Callable[[], object]) -> list[BaseException | None]:
    """What work in a thread raises that is asked to stop once it has called the function given."""
    stop = Stop()
    raised: list[BaseException | None] = []

    def do() -> None:
        with stops.stoppable(stop):
            try:
                work()
            except BaseException as error:  # to be looked at by the test
                raised.append(error)
            else:
                raised.append(None)

    thread = threading.Thread(target=do)
    thread.start()
    stop.ask()
    thread.join()
    return raised


@pytest.mark.parametrize(
    "work",
    [
        lambda: programs.capture(ENDLESS),
        lambda: programs.capture(["sh", "-c", "exec sleep 100000"], stdin=b"x" * 100_000),
        lambda: programs.stream(ENDLESS, lambda _data, _stream: None),
        lambda: stops.wait_for(Future()),
        lambda: stops.acquire(threading.Semaphore(0)),
        lambda: left_behind.leave_behind(threading.Event().wait),
    ],
    ids=["capture", "capture with input", "stream", "a future", "a semaphore", "left behind"],
)
def test_what_waits_is_interrupted(work: Callable[[], object]) -> None:
    (raised,) = stopped(work)
    assert isinstance(raised, KeyboardInterrupt)


def test_what_cleans_up_is_not_interrupted_by_the_same(tmp_path: object) -> None:
    said: list[str] = []

    def work() -> None:
        try:
            programs.stream(ENDLESS, lambda _data, _stream: None)
        finally:
            said.append(programs.capture(["sh", "-c", "echo cleaned; sleep 0.3"]).text)

    (raised,) = stopped(work)
    assert isinstance(raised, KeyboardInterrupt)
    assert said == ["cleaned\n"]


def test_a_program_that_takes_its_time_to_end_is_killed_when_asked_again() -> None:
    """As a second Ctrl-C does in the main thread; nobody would wait that long."""
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    with subprocess.Popen(["sh", "-c", script], stdout=-1, process_group=0) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        (raised,) = stopped(lambda: programs.end(started, grace=100_000))
    assert isinstance(raised, KeyboardInterrupt)
    assert started.returncode == -9


def test_input_and_output_are_whole_where_it_takes_long() -> None:
    data = b"0123456789" * 50_000

    def work() -> None:
        done = programs.capture(["sh", "-c", "sleep 0.4; cat"], stdin=data)
        assert done.stdout == data

    with stops.stoppable(Stop()):
        work()


def test_a_time_limit_holds() -> None:
    with stops.stoppable(Stop()), pytest.raises(subprocess.TimeoutExpired):
        programs.capture(ENDLESS, timeout=0.2)


def test_what_other_work_raises_is_raised() -> None:
    def fail() -> None:
        raise ValueError("so")

    with stops.stoppable(Stop()), pytest.raises(ValueError, match="so"):
        left_behind.leave_behind(fail)
