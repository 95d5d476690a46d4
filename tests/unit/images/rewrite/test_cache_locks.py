"""Caches that one RUN at a time may have."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rootless_build.images.rewrite import cache_locks
from rootless_build.process.stops import Stop, stoppable

LONG = 60


def never() -> None:
    pytest.fail("nobody has it")


def test_another_waits_until_it_is_free(tmp_path: Path) -> None:
    waits, has = threading.Event(), threading.Event()

    def take() -> None:
        with cache_locks.held(tmp_path / "locks", ["b", "a"], waits.set):
            has.set()

    thread = threading.Thread(target=take)
    with cache_locks.held(tmp_path / "locks", ["a"], never):
        thread.start()
        assert waits.wait(LONG)
        assert not has.is_set()
    thread.join(LONG)
    assert has.is_set()


def test_others_do_not_wait(tmp_path: Path) -> None:
    with (
        cache_locks.held(tmp_path, ["a", "a"], never),
        cache_locks.held(tmp_path, ["b"], never),
        cache_locks.held(tmp_path, [], never),
    ):
        pass
    with cache_locks.held(tmp_path, ["a", "b"], never):
        pass


def test_who_is_stopped_waits_no_longer_and_has_nothing(tmp_path: Path) -> None:
    stop = Stop()
    with cache_locks.held(tmp_path, ["a"], never):

        def take() -> None:
            with stoppable(stop), cache_locks.held(tmp_path, ["a"], stop.ask):
                pytest.fail("it is somebody else's")

        with pytest.raises(KeyboardInterrupt):
            take()
