"""Caches that one RUN at a time may have."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from rootless_build.backend.build_files import containerfile
from rootless_build.images.rewrite import cache_locks
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.process.stops import Stop, stoppable
from tests.unit.runner.fake_engine import FakeEngine

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


def test_where_none_can_be_put_down_the_engine_locks_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home may be read-only."""
    data = tmp_path / "home/data"
    data.parent.mkdir()
    (tmp_path / "Dockerfile").write_text(
        "FROM base\nRUN --mount=type=cache,target=/c,sharing=locked a\n"
    )
    access, closed = os.access, {data.parent}
    monkeypatch.setattr(os, "access", lambda path, mode: path not in closed and access(path, mode))

    def text() -> str:
        engine, options = FakeEngine({}), RewriteOptions("podman 5.4.2", data=data)
        reporter = StepReporter(lambda _: None, 1)
        with rewrite_build(BuildImage(tmp_path), engine, reporter, options) as (step, _):
            return containerfile(step).read_text()

    assert "sharing=locked" in text()
    assert not data.exists()
    closed.clear()
    assert "sharing=locked" not in text()
