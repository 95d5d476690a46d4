"""A service of podman's that answers what podman would not, or nothing: an error, in time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbuild_podman import PodmanBackend, connection
from rbuild_podman.engine import PodmanEngine
from rootless_build.backend.api import EngineSettings
from rootless_build.model.errors import BackendUnavailableError, RbuildError, StepFailedError

pytestmark = pytest.mark.timeout(60)


def answer(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\n" + more
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


@contextlib.contextmanager
def service(path: Path, said: bytes | None, called: threading.Event | None = None) -> Iterator[str]:
    """Says the same to everybody; None: it reads, and says nothing. `called`: is set by a call."""
    ended = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.1)

        def serve() -> None:
            held = []
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    talk, _ = listener.accept()
                    held.append(talk)
                    if called is not None:
                        called.set()
                    if said is not None:
                        talk.recv(65536)
                        with contextlib.suppress(OSError):
                            talk.sendall(said)
                        talk.close()
            for talk in held:
                talk.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            ended.set()
            thread.join()


def settings(place: Path) -> EngineSettings:
    return EngineSettings(runtime_directory=place, data_directory=place)


ANSWERS = {
    "a list": answer(b"[]"),
    "nothing": answer(b""),
    "a number": answer(b"1"),
    "null": answer(b"null"),
    "other keys": answer(b'{"host": 1}'),
    "wrong types": answer(b'{"host": {"security": []}, "Id": 1, "Config": 2}'),
    "no JSON": answer(b"<html>"),
    "nesting": answer(b"[" * 3000 + b"]" * 3000),
    "digits": answer(b"9" * 5000),
    "an error": answer(b'{"message": [1]}', b"500 Internal Server Error"),
    "an error that is no JSON": answer(b"oops", b"500 Internal Server Error"),
    "bytes": b"\xff\xfe\x00\n",
    "half an answer": answer(b"{" * 100)[:-50],
    "an endless header": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000,
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "an odd encoding": answer(b"{}", more=b"Content-Encoding: gzip\r\n"),
}


@pytest.mark.parametrize("asked", ["rootless", "list", "image"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, asked: str
) -> None:
    monkeypatch.delenv(connection.CONNECTION_VARIABLE, raising=False)
    with service(tmp_path / "s", ANSWERS[kind]) as address:
        monkeypatch.setenv(connection.ENDPOINT_VARIABLE, address)
        with PodmanBackend().open(settings(tmp_path)) as engine:
            said = "it is an answer"
            try:
                if asked == "rootless":
                    assert engine.rootless in {True, False}
                elif asked == "list":
                    engine.leftovers()
                else:
                    assert isinstance(engine, PodmanEngine)
                    assert engine._connection.client is not None
                    engine.find_image("a")
            except RbuildError as error:
                said = error.message
            assert said


def test_a_service_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER", 0.3)
    monkeypatch.delenv(connection.CONNECTION_VARIABLE, raising=False)
    with service(tmp_path / "s", None) as address:
        monkeypatch.setenv(connection.ENDPOINT_VARIABLE, address)
        with (
            PodmanBackend().open(settings(tmp_path)) as engine,
            pytest.raises((BackendUnavailableError, StepFailedError)),
        ):
            assert engine.rootless


def test_nor_does_a_command_of_it_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER", 0.3)
    monkeypatch.delenv(connection.CONNECTION_VARIABLE, raising=False)
    with service(tmp_path / "s", None) as address:
        monkeypatch.setenv(connection.ENDPOINT_VARIABLE, address)
        with (
            PodmanBackend().open(settings(tmp_path)) as engine,
            pytest.raises(BackendUnavailableError, match=r"said nothing for 0\.3 s"),
        ):
            engine.find_images(["a", "b"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_waits_for_it_can_be_ended(tmp_path: Path, number: signal.Signals) -> None:
    """Before anybody has given up, as its status says."""
    (tmp_path / "rbuild.toml").write_text('[container]\nimage = "a"\ncommand = ["true"]\n')
    called = threading.Event()
    homes = {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("DATA", "CACHE", "STATE")}
    with service(tmp_path / "s", None, called) as address:
        environment = {
            **os.environ,
            **homes,
            "CONTAINER_HOST": address,
            "RBUILD_BACKEND": "podman",
        }
        command = [sys.executable, "-m", "rootless_build"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE
        ) as rbuild:
            assert called.wait(30), rbuild.communicate()
            rbuild.send_signal(number)
            _, words = rbuild.communicate(timeout=30)
    assert rbuild.returncode == 130, words
    assert b"Traceback" not in words
