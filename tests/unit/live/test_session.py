"""A command at work, without an engine."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from rootless_build.live import session
from rootless_build.live.server import Server
from rootless_build.live.surroundings import Surroundings
from rootless_build.model.events import Event, Notice


def test_nobody_waits_for_ever_for_a_shell_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def around() -> Surroundings:
        raise AssertionError("nobody calls")

    monkeypatch.setattr(session, "_LONGEST", 0.3)
    events: list[Event] = []
    service = "sh -c 'while :; do sleep 0.1; done' & echo $! > pid; exit 3"
    environment = {"PATH": os.environ["PATH"]}
    wanted = session.Wanted(("sh", "-c", service), tmp_path, environment, reads=False)
    with session.stand_ins() as places:
        server = Server(places.socket, around, lambda *_: None)
        status = session.serve(wanted, places, server, events.append)
    left = int((tmp_path / "pid").read_text())
    os.kill(left, signal.SIGKILL)
    assert status == 3
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert f"waiting for what may call docker yet: {left} (sh -c" in texts[0]
    assert f"docker is not there for it any more: {left} (sh -c" in texts[1]
