"""What several stages say at a time stands below the instructions that it is of."""

from __future__ import annotations

import threading
import time

import pytest

from rootless_build.images.segments.turns import StageReporter, Turns
from rootless_build.model.events import (
    AtWork,
    BuildProgress,
    Notice,
    OutputLine,
    StepReporter,
    UnfinishedLine,
)
from rootless_build.process import stops
from rootless_build.process.stops import Stop
from rootless_build.testing.recorder import Recorder


class Two:
    """Two stages that talk to one recorder."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        self.turns = Turns()
        self.a = StageReporter(self.recorder.reporter, self.turns)
        self.b = StageReporter(self.recorder.reporter, self.turns)

    @property
    def told(self) -> list[str]:
        """What was told, in words."""
        found = []
        for event in self.recorder.events:
            match event:
                case BuildProgress():
                    found.append(f"{event.instruction} {event.state}")
                case OutputLine():
                    found.append(event.data.decode().rstrip())
                case Notice():
                    found.append(event.text)
                case AtWork() | UnfinishedLine():
                    pass
                case _:
                    raise AssertionError(event)
        return found


def test_what_goes_on_is_told_before_its_turn() -> None:
    two = Two()
    two.a.instruction(1, 2, "a one")
    two.b.instruction(1, 2, "b one", stage="b")
    two.b.instruction(2, 2, "b two", stage="b")
    at_once = [event for event in two.recorder.events if isinstance(event, AtWork)]
    assert two.told == ["a one started"]
    assert [(event.instruction, event.stage, event.ends) for event in at_once] == [
        ("a one", None, False),
        ("b one", "b", False),
        ("b one", "b", True),
        ("b two", "b", False),
    ]


def test_one_is_told_after_the_other() -> None:
    two = Two()
    two.a.instruction(1, 2, "a one")
    two.b.instruction(1, 2, "b one")
    two.b.output(b"of b\n")
    two.a.output(b"of a\n")
    two.b.instruction_done(cached=True)
    two.b.instruction(2, 2, "b two")
    two.a.notice("word", "a notice of a")
    two.a.instruction(2, 2, "a two")
    two.a.output(b"more of a\n")
    two.b.output(b"more of b\n")
    two.b.instruction_done()
    two.a.instruction_done()
    assert two.told == [
        *("a one started", "of a", "a notice of a", "a one done"),
        *("b one started", "of b", "b one cached"),
        *("b two started", "more of b", "b two done"),
        *("a two started", "more of a", "a two done"),
    ]


def test_what_is_told_late_has_the_time_when_it_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    two = Two()
    inner = StageReporter(two.b, Turns())
    two.a.instruction(1, 1, "a one")
    now += 1
    inner.instruction(1, 1, "b one")
    now += 2
    inner.instruction_done()
    now += 4
    two.a.instruction_done()
    told = [event for event in two.recorder.events if isinstance(event, BuildProgress)]
    assert [(event.instruction, event.at) for event in told] == [
        ("a one", None),
        ("a one", None),
        ("b one", 1001.0),
        ("b one", 1003.0),
    ]


def test_a_failure_is_told_last_and_whole() -> None:
    two = Two()
    two.a.instruction(1, 1, "a one")
    two.a.output(b"of a\nnot all")
    two.b.instruction(1, 1, "b one")
    two.b.output(b"why\n")
    two.turns.end(two.b)
    assert two.told == ["a one started", "of a", "not all", "b one started", "why"]


def test_who_has_the_turn_has_told_it_all() -> None:
    two = Two()
    two.a.instruction(1, 1, "a one")
    two.b.instruction(1, 1, "b one")
    two.a.output(b"why\n")
    two.turns.end(two.a)
    assert two.told == ["a one started", "why"]


class Noting(StepReporter):
    """Keeps the images that it is told of."""

    def __init__(self) -> None:
        super().__init__(lambda _: None, 1)
        self.images: list[str] = []

    def image(self, identity: str) -> None:
        self.images.append(identity)


def test_an_image_is_put_down_at_once() -> None:
    reporter = Noting()
    turns = Turns()
    a, b = StageReporter(reporter, turns), StageReporter(reporter, turns)
    a.instruction(1, 1, "a one")
    b.image("abc")
    assert reporter.images == ["abc"]


def test_what_is_kept_has_a_limit() -> None:
    two = Two()
    two.a.instruction(1, 1, "a one")
    two.b.instruction(1, 1, "b one")

    def talk() -> None:
        with stops.stoppable(Stop()):
            for number in range(100):
                two.b.output(b"%d " % number * 40_000 + b"\n")
            two.b.instruction_done()

    thread = threading.Thread(target=talk)
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    two.a.instruction_done()
    thread.join()
    assert two.told[-1] == "b one done"
    assert sum(len(line.data) for line in two.recorder.lines) > 8_000_000


def test_what_nobody_tells_the_end_of_ends_its_turn() -> None:
    two = Two()
    two.a.instruction(1, 1, "a one")
    two.b.instruction(1, 1, "b one")
    two.a.instruction_left()
    two.b.instruction_done()
    assert two.told == ["a one started", "b one started", "b one done"]
