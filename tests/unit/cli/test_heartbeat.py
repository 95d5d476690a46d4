"""A run that says nothing for long, with nobody at a terminal, says that it is still at work."""

from __future__ import annotations

import threading

import pytest

from rootless_build.cli.views.heartbeat import HeartbeatView
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    BuildFinished,
    Event,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)

STEP = StepStarted(2, 3, "run-container", "run make")
DEADLINE = 30.0


class Shown:
    """What a view was told; `beats` is released with each sign of life."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.beats = threading.Semaphore(0)
        self.is_open = True

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Notice):
            self.beats.release()

    def error(self, error: RbuildError) -> None:
        """Nothing."""

    def stopping(self) -> None:
        """Nothing."""

    def close(self) -> None:
        self.is_open = False


def test_silence_is_broken_by_what_is_still_at_work() -> None:
    shown, now = Shown(), [0.0]
    view = HeartbeatView(shown, 0.01, lambda: now[0])
    view(STEP)
    now[0] = 65.0
    assert shown.beats.acquire(timeout=DEADLINE)
    now[0] = 130.0
    assert shown.beats.acquire(timeout=DEADLINE)
    view(StepFinished(2, 3, "run-container", 0, 130.0))
    view(BuildFinished(0, 131.0))
    view.close()
    told = [event.text for event in shown.events if isinstance(event, Notice)]
    assert told == [
        "still at work on [2/3] run make: 1 min 05 s",
        "still at work on [2/3] run make: 2 min 10 s",
    ]
    assert not shown.is_open


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(StepFinished(2, 3, "run-container", 0, 1.0), id="nothing is at work"),
        pytest.param(
            StepStarted(3, 3, "host-command", "make", terminal=True), id="it writes itself"
        ),
    ],
)
def test_else_nothing_is_said(last: Event) -> None:
    shown, looks = Shown(), threading.Semaphore(0)

    def now() -> float:
        looks.release()
        return 65.0 if len(shown.events) > 1 else 0.0

    view = HeartbeatView(shown, 0.01, now)
    view(STEP)
    view(last)
    for _ in range(5):
        assert looks.acquire(timeout=DEADLINE)
    view.close()
    assert shown.events == [STEP, last]


def test_what_has_just_come_ends_the_silence() -> None:
    shown, looks, moment = Shown(), threading.Semaphore(0), [0.0]

    def now() -> float:
        looks.release()
        return moment[0]

    view, line = HeartbeatView(shown, 0.01, now), OutputLine(2, "stdout", b"x\n")
    view(STEP)
    moment[0] = 0.009
    view(line)
    # Longer than that after the step began, and not after the line.
    moment[0] = 0.015
    for _ in range(20):
        assert looks.acquire(timeout=DEADLINE)
    view.close()
    assert shown.events == [STEP, line]
