"""What builds that go on at a time do one after the other."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from rootless_build.images.at_once import AtOnce

PATIENCE = 20.0


def test_two_different_runs_go_at_a_time_and_of_equal_ones_one() -> None:
    at_once, both = AtOnce(), Barrier(2)
    inside: list[str] = []
    most: list[int] = []

    def run(what: str, barrier: Barrier | None) -> None:
        with at_once.run(what):
            inside.append(what)
            most.append(inside.count(what))
            if barrier is not None:
                barrier.wait(PATIENCE)
            inside.remove(what)

    work = [Thread(target=run, args=each) for each in (("a", both), ("b", both))]
    work += [Thread(target=run, args=("same", None)) for _ in range(20)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join(PATIENCE)
    assert not both.broken
    assert most == [1] * 22


def test_a_run_that_fails_gives_its_room_back() -> None:
    at_once = AtOnce()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), at_once.run("a"), at_once.locking():
            _ = 1 // 0
    with at_once.run("a"), at_once.locking(), at_once.asking():
        pass
