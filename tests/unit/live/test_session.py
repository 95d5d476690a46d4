"""A command at work, without an engine."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import cast

import pytest

from rootless_build.live import server, session
from rootless_build.live.server import Server
from rootless_build.live.surroundings import Surroundings, Work
from rootless_build.model.events import Event, Notice, OutputLine, StepReporter


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
    with session.stand_ins(os.environ["PATH"]) as places:
        serving = Server(places.socket, around, lambda *_: None)
        status = session.serve(wanted, places, serving, events.append)
    left = int((tmp_path / "pid").read_text())
    os.kill(left, signal.SIGKILL)
    assert status == 3
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert f"waiting for what may call docker yet: {left} (sh -c" in texts[0]
    assert f"docker is not there for it any more: {left} (sh -c" in texts[1]


def _began(tmp_path: Path, script: str, **variables: str) -> str:
    """What a script prints that is at work; nobody does its calls."""

    def around() -> Surroundings:
        raise AssertionError("nobody calls")

    wanted = session.Wanted(
        ("sh", "-c", f"exec >out 2>&1; {script}"),
        tmp_path,
        {"PATH": os.environ["PATH"], **variables},
        reads=False,
        daemon=Path(variables["NAMED"]) if "NAMED" in variables else None,
    )
    with session.stand_ins(os.environ["PATH"]) as places:
        serving = Server(places.socket, around, lambda *_: None)
        session.serve(wanted, places, serving, lambda _: None)
    return (tmp_path / "out").read_text()


_ASKS = """\
import http.client, json, os, socket, sys
client = http.client.HTTPConnection("docker")
client.sock = socket.socket(socket.AF_UNIX)
client.sock.connect(os.environ["DOCKER_HOST"].removeprefix("unix://"))
client.request("POST", "/build", body=bytes(int(sys.argv[1])))
answer = client.getresponse()
print(answer.status, json.load(answer)["message"])
"""


def test_who_speaks_dockers_api_is_told_that_there_is_no_daemon(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(_ASKS)
    asks = f"{sys.executable} asks.py"
    said = _began(tmp_path, f"{asks} 0; {asks} 3000000 & {asks} 1 & wait").splitlines()
    assert len(said) == 3
    assert {line.partition(";")[0] for line in said} == {
        "501 rbuild does docker's commands here and is no daemon"
    }
    assert all("--docker-socket SOCKET" in line for line in said)


def test_the_socket_that_the_user_names_is_the_one(tmp_path: Path) -> None:
    assert _began(tmp_path, "echo $DOCKER_HOST", NAMED="/s.sock") == "unix:///s.sock\n"
    assert _began(tmp_path, "echo $DOCKER_HOST", DOCKER_HOST="unix:///own") == "unix:///own\n"


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ("", ""),
        ("DOCKER_HOST= DOCKER_CONTEXT=default", ""),
        ("DOCKER_HOST=unix:///var/run/docker.sock", ""),
        ("env -u DOCKER_HOST", ""),
        ("DOCKER_HOST=ssh://there", "DOCKER_HOST=ssh://there names another daemon"),
        ("DOCKER_HOST=unix:///own", ""),
        ("DOCKER_CONTEXT=there", "DOCKER_CONTEXT=there names another daemon"),
    ],
)
def test_a_call_for_another_daemon_is_refused(tmp_path: Path, variables: str, fault: str) -> None:
    call = f"{variables} docker buildx version; echo $?"
    said = _began(tmp_path, call, DOCKER_HOST="unix:///own").splitlines()
    assert said[-1] == ("1" if fault else "0")
    assert fault in said[0]


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        ("-H unix:///var/run/docker.sock", "0"),
        ("-c default", "0"),
        ("--context=there", "1"),
        ("-H tcp://there", "1"),
    ],
)
def test_a_flag_may_name_the_daemon_that_is_meant_anyway(
    tmp_path: Path, flag: str, status: str
) -> None:
    assert _began(tmp_path, f"docker {flag} buildx version; echo $?").split()[-1] == status


_SIGNALS = """\
import pathlib, signal, subprocess, sys, time
for name in sys.argv[1:]:
    begun = pathlib.Path(f"begun-{name}")
    called = subprocess.Popen(["docker", "run", name])
    while not begun.exists():
        time.sleep(0.01)
    called.send_signal(getattr(signal, name))
    if name in ("SIGCONT", "SIGWINCH"):
        pathlib.Path(f"end-{name}").touch()
    print(name, called.wait() - 128)
"""


def _waits(work: Work) -> int:
    (name,) = work.call.words[1:]
    (work.call.directory / f"begun-{name}").touch()
    end = work.call.directory / f"end-{name}"
    while not end.exists():
        time.sleep(0.01)
    return 128


def test_a_caller_hands_its_signals_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done ends by them, in order, and its status says by which."""

    def around() -> Surroundings:
        return cast("Surroundings", None)

    monkeypatch.setattr(server, "who_does", lambda _: _waits)
    (tmp_path / "signals.py").write_text(_SIGNALS)
    ending = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
    words = (sys.executable, "signals.py", *ending, "SIGCONT", "SIGWINCH")
    environment = {"PATH": os.environ["PATH"]}
    with (tmp_path / "out").open("w") as out, session.stand_ins(os.environ["PATH"]) as places:
        said = StepReporter(lambda event: _written(event, out.fileno()), 1)
        wanted = session.Wanted(words, tmp_path, environment, said, reads=False)
        serving = Server(places.socket, around, lambda *_: None)
        assert session.serve(wanted, places, serving, lambda _: None) == 0
    assert (tmp_path / "out").read_text().splitlines() == [
        *(f"{name} {getattr(signal, name).value}" for name in ending),
        "SIGCONT 0",
        "SIGWINCH 0",
    ]


def _written(event: Event, descriptor: int) -> None:
    if isinstance(event, OutputLine):
        os.write(descriptor, event.data)


@pytest.mark.parametrize(("script", "status"), [("kill -9 $$", -9), ("exit 137", 137)])
def test_a_signal_is_told_from_a_status(tmp_path: Path, script: str, status: int) -> None:
    def around() -> Surroundings:
        raise AssertionError("nobody calls")

    wanted = session.Wanted(("sh", "-c", script), tmp_path, dict(os.environ), reads=False)
    with session.stand_ins(os.environ["PATH"]) as places:
        serving = Server(places.socket, around, lambda *_: None)
        assert session.serve(wanted, places, serving, lambda _: None) == status
