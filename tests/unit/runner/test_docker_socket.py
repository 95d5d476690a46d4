"""Containers with docker's socket mounted: who answers, and what is said where nobody does."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.cli import app
from rootless_build.model.errors import HostError, UsageError
from rootless_build.model.overrides import Overrides, apply, where_possible
from rootless_build.model.plan import BindMount, Plan, RunContainer
from rootless_build.runner import docker_socket
from tests.unit.recipes.make.make_project import MakeProject

BY_DOCKER = "/var/run/docker.sock"


@pytest.fixture
def place() -> Iterator[Path]:
    """A short one: sockets have 107 bytes for their names."""
    with tempfile.TemporaryDirectory(prefix="s-") as name:
        yield Path(name)


@pytest.fixture
def answering(place: Path) -> Iterator[Path]:
    """A socket at which somebody answers as docker and podman do."""
    path = place / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            try:
                while True:
                    client, _ = server.accept()
                    with client:
                        client.recv(1000)
                        client.sendall(b"HTTP/1.0 200 OK\r\n\r\nOK")
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def plan_of(*sources: str) -> Plan:
    mounts = tuple(BindMount(Path(source), BY_DOCKER) for source in sources)
    return Plan(Path("/p"), (RunContainer("i", mounts=mounts),))


def sources(plan: Plan) -> list[str]:
    return [
        str(mount.source)
        for step in plan.steps
        if isinstance(step, RunContainer)
        for mount in step.mounts
        if isinstance(mount, BindMount)
    ]


@pytest.mark.parametrize("backend", ["podman", "buildah", "docker"])
@pytest.mark.parametrize(
    "source", ["docker.sock", "run/docker.sock", "podman/podman.sock", "x/../docker.sock"]
)
def test_where_nobody_answers_it_is_said_with_what_to_do(
    place: Path, source: str, backend: str
) -> None:
    plan = plan_of("/src", f"{place}/{source}")
    with pytest.raises(HostError, match="No such file or directory") as caught:
        docker_socket.provide(plan, backend, {"XDG_RUNTIME_DIR": str(place)})
    assert caught.value.exit_code == 3
    assert f"docker's socket {place}/{source} mounted" in caught.value.message
    assert f"--docker-socket {place}/podman/podman.sock" in caught.value.hint


def test_a_socket_that_nobody_serves(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place}/docker.sock")
    (place / "podman.sock").mkdir()
    for name in ("docker.sock", "podman.sock"):
        with pytest.raises(HostError, match="Connection refused"):
            docker_socket.provide(plan_of(f"{place}/{name}"), "podman", {})


def test_where_somebody_answers_nothing_is_changed(answering: Path) -> None:
    plan = plan_of("/src", str(answering))
    assert docker_socket.provide(plan, "podman", {}) == (plan, "")


def test_the_daemon_of_dockers_own_client_is_taken_and_said(answering: Path, place: Path) -> None:
    plan = plan_of("/src", f"{place}/run/docker.sock")
    environment = {"DOCKER_HOST": f"unix://{answering}"}
    changed, said = docker_socket.provide(plan, "docker", environment)
    assert sources(changed) == ["/src", str(answering)]
    assert "the socket that DOCKER_HOST names" in said
    # Nobody has said that a container of podman's is to have it.
    with pytest.raises(HostError) as caught:
        docker_socket.provide(plan, "podman", environment)
    assert f"one of yours answers: --docker-socket {answering}" in caught.value.hint


@pytest.mark.parametrize("directory", ["/run", "/var/run"])
def test_the_directory_of_the_socket_is_only_spoken_of(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of("/src", directory)

    def nobody(path: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(docker_socket, "ping_socket", nobody)
    same, said = docker_socket.provide(plan, "podman", {})
    assert same == plan
    assert f"{directory} mounted, and no docker daemon answers at {directory}/docker.sock" in said
    monkeypatch.setattr(docker_socket, "ping_socket", lambda _: None)
    assert docker_socket.provide(plan, "podman", {}) == (plan, "")


def test_another_is_only_taken_where_one_is_mounted(answering: Path) -> None:
    overrides = Overrides(docker_socket=answering)
    plan = plan_of("/src", BY_DOCKER, "/run/docker.sock")
    assert sources(apply(plan, overrides)) == ["/src", str(answering), str(answering)]
    without = plan_of("/src", "/src/docker.socket")
    with pytest.raises(UsageError, match="--docker-socket is for a container"):
        apply(without, overrides)
    assert apply(without, where_possible(without, overrides)) == without


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    MakeProject(tmp_path).write(f"all: ; docker run -v {BY_DOCKER}:{BY_DOCKER} i")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("by", ["option", "file"])
def test_it_is_named_on_the_command_line_or_in_a_file(
    project: Path, answering: Path, capfd: pytest.CaptureFixture[str], by: str
) -> None:
    words = ["rbuild", "plan", "--format", "json"]
    if by == "option":
        words += ["--docker-socket", str(answering)]
    else:
        (project / "rbuild.toml").write_text(f'[defaults]\ndocker-socket = "{answering}"\n')
    assert app.run(words) == 0
    (step,) = json.loads(capfd.readouterr().out)["steps"]
    assert [mount["source"] for mount in step["mounts"]] == [str(answering)]


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("nope", 3, "nobody answers there: No such file or directory"),
        ("Makefile", 2, "it is no socket"),
        ("", 2, "--docker-socket"),
    ],
)
@pytest.mark.parametrize("words", [(), ("plan",), ("reproduce",)])
def test_a_wrong_one_is_told(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    name: str,
    status: int,
    said: str,
) -> None:
    assert app.run(["rbuild", *words, "--docker-socket", name]) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err
