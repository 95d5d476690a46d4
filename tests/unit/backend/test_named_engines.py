"""Engines that the environment names: no build goes elsewhere when they don't answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.backend import discovery
from rootless_build.backend.api import EngineSettings, Probe
from rootless_build.backend.named_engines import NAMING, NamedEngine, named
from rootless_build.cli.app import run
from rootless_build.model.errors import BackendUnavailableError

NOWHERE = "unix:///nowhere/engine.sock"


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*(variable for variable, _ in NAMING), "RBUILD_BACKEND"):
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """The path of a socket at which each connection gets that answer."""
    with (
        # The paths of sockets are short.
        tempfile.TemporaryDirectory(prefix="rbuild-run-") as place,
        socket.socket(socket.AF_UNIX) as server,
    ):
        path = str(Path(place, "s"))
        server.bind(path)
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(1024)
                        client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield path
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, []),
        ({"CONTAINER_HOST": "", "DOCKER_HOST": "", "DOCKER_CONTEXT": ""}, []),
        ({"DOCKER_CONTEXT": "default"}, []),
        ({"CONTAINER_HOST": "a"}, [("CONTAINER_HOST", "podman")]),
        (
            {"CONTAINER_HOST": "a", "CONTAINER_CONNECTION": "b"},
            [("CONTAINER_HOST", "podman")],
        ),
        ({"CONTAINER_CONNECTION": "b"}, [("CONTAINER_CONNECTION", "podman")]),
        ({"DOCKER_HOST": "a", "DOCKER_CONTEXT": "b"}, [("DOCKER_HOST", "docker")]),
        ({"DOCKER_CONTEXT": "b"}, [("DOCKER_CONTEXT", "docker")]),
        (
            {"DOCKER_HOST": "a", "CONTAINER_HOST": "b"},
            [("CONTAINER_HOST", "podman"), ("DOCKER_HOST", "docker")],
        ),
    ],
)
def test_which_are_named(environment: dict[str, str], found: list[tuple[str, str]]) -> None:
    assert [(engine.variable, engine.backend) for engine in named(environment)] == found


def silence(address: str) -> str | None:
    return NamedEngine("DOCKER_HOST", address, "docker").silence()


def test_who_answers_is_there() -> None:
    with listening(b"HTTP/1.0 200 OK\r\n\r\nOK") as path:
        assert silence(f"unix://{path}") == ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert silence(f"tcp://{address}") == ""
        assert silence(address) == ""
    assert silence(f"tcp://{address}") == "Connection refused"


def test_who_does_not_is_not() -> None:
    assert silence(NOWHERE) == "No such file or directory"
    with listening(b"") as path:
        assert silence(f"unix://{path}") == "the connection was closed without an answer"
    assert silence("tcp://127.0.0.1:notaport")
    assert silence("tcp://[::1") == "Invalid IPv6 URL"
    assert silence("[::1")
    assert silence("ssh://me@elsewhere") is None
    assert NamedEngine("DOCKER_CONTEXT", "elsewhere", "docker").silence() is None
    assert NamedEngine("CONTAINER_CONNECTION", "elsewhere", "podman").silence() is None


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Makes a context as docker's client 29.1 keeps it (docker context create)."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))

    def make(name: str, host: str) -> None:
        known = {"prod": "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77"}
        key = known.get(name) or hashlib.sha256(name.encode()).hexdigest()
        file = tmp_path / "docker/contexts/meta" / key / "meta.json"
        file.parent.mkdir(parents=True)
        content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host}}}
        file.write_text(json.dumps(content))

    return make


def test_a_context_is_what_it_leads_to(contexts: Callable[[str, str], None]) -> None:
    contexts("prod", "ssh://me@elsewhere")
    contexts("rootless", NOWHERE)
    prod = NamedEngine("DOCKER_CONTEXT", "prod", "docker")
    rootless = NamedEngine("DOCKER_CONTEXT", "rootless", "docker")
    assert (prod.is_wanted, prod.silence()) == (True, None)
    assert (rootless.is_wanted, rootless.silence()) == (False, "No such file or directory")
    assert NamedEngine("DOCKER_CONTEXT", "not-there", "docker").is_wanted


class Pretended:
    """Instead of engines: what each says when it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.probes = {name: Probe("1.0") for name in discovery.PREFERENCE}
        self.asked: list[str] = []
        monkeypatch.setattr(discovery, "_ask", self._ask)

    def _ask(self, name: str, _: EngineSettings) -> discovery.Candidate:
        self.asked.append(name)
        return discovery.Candidate(name, discovery.load(name), self.probes[name])


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    return Pretended(monkeypatch)


def chosen(tmp_path: Path) -> tuple[str, str]:
    choice = discovery.choose(discovery.AUTO, EngineSettings(tmp_path, tmp_path))
    assert discovery.expected(discovery.AUTO) == choice.backend.name
    return choice.backend.name, choice.reason


def test_an_engine_elsewhere_that_answers_is_taken(
    engines: Pretended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@elsewhere")
    assert chosen(tmp_path) == ("docker", "DOCKER_HOST names it")
    assert engines.asked == ["docker"]
    monkeypatch.setenv("CONTAINER_CONNECTION", "there")
    name, reason = chosen(tmp_path)
    assert (name, reason.partition(";")[0]) == ("podman", "CONTAINER_CONNECTION names it")
    assert "DOCKER_HOST has no effect, --backend docker uses it" in reason


def test_a_socket_of_this_host_is_no_wish_for_docker(
    engines: Pretended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The socket of this host may be rootless docker's, or podman's own."""
    with listening(b"HTTP/1.0 200 OK\r\n\r\nOK") as path:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        name, reason = chosen(tmp_path)
        assert name == "podman"
        assert "DOCKER_HOST has no effect, --backend docker uses it" in reason
        engines.probes["docker"] = Probe(None, "docker is not installed")
        assert chosen(tmp_path)[0] == "podman"


@pytest.mark.parametrize(
    ("variable", "value", "client"),
    [
        ("DOCKER_HOST", "ssh://nowhere.invalid", "docker"),
        ("DOCKER_CONTEXT", "prod", "docker"),
        ("CONTAINER_HOST", "ssh://nowhere.invalid", "podman"),
        ("CONTAINER_CONNECTION", "prod", "podman"),
    ],
)
def test_where_the_client_is_not_installed_nothing_is_built_elsewhere(
    engines: Pretended,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
    value: str,
    client: str,
) -> None:
    monkeypatch.setenv(variable, value)
    engines.probes[client] = Probe(None, f"{client} is not installed", "install it")
    settings = EngineSettings(tmp_path, tmp_path)
    with pytest.raises(BackendUnavailableError) as caught:
        discovery.choose(discovery.AUTO, settings)
    assert caught.value.message == (
        f"{variable} names an engine ({value}), and {client} is not installed"
    )
    assert caught.value.hint.startswith(f"install it; or unset {variable}, ")
    silent = discovery.unreachable(settings)
    assert silent is not None
    assert silent.message == caught.value.message


@pytest.mark.parametrize("variable", ["CONTAINER_HOST", "DOCKER_HOST"])
def test_auto_builds_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setenv(variable, NOWHERE)
    with pytest.raises(BackendUnavailableError) as caught:
        discovery.choose(discovery.AUTO, EngineSettings(tmp_path, tmp_path))
    assert caught.value.exit_code == 3
    assert variable in caught.value.message
    assert NOWHERE in caught.value.message
    assert f"unset {variable}" in caught.value.hint


Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rbuild(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG", "DATA", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    (tmp_path / "Makefile").write_text("all:\n\tdocker run --rm debian:bookworm true\n")

    def call(*words: str) -> tuple[int, str, str]:
        status = run(["rbuild", *words])
        return status, *capfd.readouterr()

    return call


def test_a_build_says_so_and_does_nothing(rbuild: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_HOST", NOWHERE)
    status, out, errors = rbuild()
    assert (status, out) == (3, "")
    assert f"nobody answers at {NOWHERE}" in errors
    assert "unset CONTAINER_HOST" in errors


def test_what_only_shows_goes_on(rbuild: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NOWHERE)
    status, out, _ = rbuild("plan")
    assert status == 0
    assert f"nobody answers at {NOWHERE}" in out
    assert "run --rm" in out
    status, out, _ = rbuild("backends")
    assert status == 3
    assert {line.split()[0] for line in out.splitlines()} >= {"podman", "buildah", "docker"}
    assert f"DOCKER_HOST names an engine, and nobody answers at {NOWHERE}" in out
    status, out, _ = rbuild("doctor")
    assert status == 3
    assert out.splitlines()[1].startswith("  engine-unreachable  DOCKER_HOST names an engine")
