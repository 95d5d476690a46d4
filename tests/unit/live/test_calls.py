"""What comes through the socket of a live run: calls, events, and who may speak."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from rootless_build.live import calls, dispatch, told
from rootless_build.live.calls import Call, MalformedCallError
from rootless_build.live.dispatch import who_does
from rootless_build.live.server import Server
from rootless_build.live.surroundings import Surroundings
from rootless_build.model.events import (
    Answer,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)
from rootless_build.recipes.shell import line

CALL = b"3\0/here\0/bin/docker\0run\0-it\0A=1\0B=x=y\0no pair"


def test_a_call_is_read_as_it_was_written() -> None:
    begins = b"%d\n" % len(CALL)
    assert calls.size_of(begins + CALL[:5], 8) is None
    start, end = calls.size_of(begins + CALL[:5], 1000) or (0, 0)
    assert (begins + CALL)[start:end] == CALL
    call = calls.read(CALL, 7, 3)
    assert (call.words, call.directory) == (("run", "-it"), Path("/here"))
    assert call.environment == {"A": "1", "B": "x=y"}
    assert calls.read(CALL.replace(b"docker", b"docker-buildx"), 7, 3).words[0] == "buildx"


@pytest.mark.parametrize(
    "begins", [b"GET / HTTP/1.1", b"-1\n", b"\n", b"99999999999\n", b"123456789012", b"1 \n"]
)
def test_what_has_no_size_is_no_call(begins: bytes) -> None:
    with pytest.raises(MalformedCallError):
        calls.size_of(begins[: calls.HEAD], 1000)


@pytest.mark.parametrize(
    ("text", "streams"),
    [
        *[(CALL, 2), (b"", 3), (b"x\0/\0docker", 3), (b"0\0/", 3), (b"9\0/\0docker", 3)],
        (b"1\0here\0docker", 3),
        *[("²\0/\0docker".encode(), 3), (b"9" * 5000 + b"\0/\0docker", 3)],
    ],
)
def test_what_is_cut_or_not_absolute_is_no_call(text: bytes, streams: int) -> None:
    with pytest.raises(MalformedCallError):
        calls.read(text, 7, streams)


def test_events_come_through_a_pipe_as_they_were() -> None:
    events: list[Event] = [
        OutputLine(1, "stderr", b"\xff\n"),
        BuildProgress(1, 2, 3, "RUN x", BuildState.CACHED, "stage"),
        Notice(Level.WARNING, "code", "text"),
        BundlesPublished(Path("/b"), ("one", "two"), 3),
        StepFinished(1, 1, "kind", 3, 0.5),
        Answer("call", {"plan": {"steps": [None, 1]}, "line": "docker"}),
    ]
    reader, writer = os.pipe()
    for event in events:
        told.write(writer, event)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    by_byte = told.Reader()
    heard = [event for n in range(len(data)) for event in by_byte.feed(data[n : n + 1])]
    assert heard == events


def test_an_event_with_any_bytes_is_told() -> None:
    words = os.fsdecode(b"cp f\xff")
    reader, writer = os.pipe()
    told.write(writer, StepStarted(1, 1, "kind", words))
    told.write(writer, Answer("call", {"plan": [{words: Path(words)}]}))
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        heard = [*told.Reader().feed(pipe.read())]
    legible = r"cp f\xff"
    assert heard == [
        StepStarted(1, 1, "kind", legible),
        Answer("call", {"plan": [{legible: legible}]}),
    ]


def test_more_callers_than_there_are_descriptors_wait_for_their_turn(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        # Enough for the callers, and for a few of them here at a time.
        enough = len(list(Path("/proc/self/fd").iterdir())) + 80 + 30
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, limits[1]))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        server = Server(tmp_path / "s", _nobody_calls, lambda *_: None)
        stack.callback(server.end)
        peers = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(80)]
        for peer in peers:
            peer.connect(str(tmp_path / "s"))
            peer.send(b"this is no call")
        for _ in range(240):
            server.wait(0)
        assert all(peer.recv(1000).endswith(bytes((125,))) for peer in peers)


def test_a_template_is_not_filled_in_by_who_serves_all() -> None:
    origin = ("context", "inspect", "--format", "{{range 1000000000}}{{end}}")
    assert not isinstance(who_does(Call(origin, Path("/"), {}, 1)), dispatch.Answer)
    shown = who_does(Call(("context", "show"), Path("/"), {}, 1))
    assert shown == dispatch.Answer(b"default\n")


def _nobody_calls() -> Surroundings:
    raise AssertionError("nobody may call")


def test_another_user_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(tmp_path / "s", _nobody_calls, lambda *_: None)
    own = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: own + 1)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(tmp_path / "s"))
        server.wait()
        assert peer.recv(1) == b""
    assert not server.lines
    server.end()


def test_a_container_that_has_the_socket_mounted_is_not_served(tmp_path: Path) -> None:
    server = Server(tmp_path / "s", _nobody_calls, lambda *_: None)
    # It sends nothing, so that nothing is lost when it is turned away.
    calls_docker = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('s')"
    words = [sys.executable, "-c", f"{calls_docker}; print(s.recv(99))"]
    # As the root of a container is, with rbuild's own user id.
    other = ["unshare", "--user", "--map-root-user", "--mount", "--"]
    for namespaces in (other, []):
        with subprocess.Popen([*namespaces, *words], cwd=tmp_path, stdout=subprocess.PIPE) as peer:
            server.wait(10)
            if namespaces:
                assert not server.lines
                assert peer.communicate()[0] == b"b''\n"
            else:
                assert server.lines
                peer.kill()
    server.end()


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("mkdir -p bundles", False),
        ("cp a b && rm -f c; echo done > file", False),
        ("@test -d x || touch y", True),
        ("./hack/build.sh", True),
        ("for i in a b; do go generate $$i; done", True),
        ("$(TOOL) x", True),
        ("if", True),
    ],
)
def test_which_lines_may_call_docker(text: str, *, may: bool) -> None:
    assert line.may_call_docker(text, ("/bin/sh", "-c")) == may
