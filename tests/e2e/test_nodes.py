"""Builds on another machine: an sshd of the test's own, whose user has another storage there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.process import proc
from rootless_build.testing.base_root import write_base_root
from tests.e2e.sshd import Sshd, listening, short_place, xdg

DEADLINE = 120.0
"""Seconds after which a run hangs."""
MAKEFILE = """\
IMAGE := nodes-test
RUN := docker run --rm -v "$(CURDIR)/bundles:/out" $(IMAGE)
binary: build
\t$(RUN) sh -c 'if [ -e /out/old ]; then rm /out/old; touch /out/seen; fi; cat /built > /out/app'
wait: build
\t$(RUN) sh -c 'echo half > /out/app; echo begun; sleep 1000'
mounted: build
\tdocker run --rm -v "$(CURDIR):/src" -v "$(CURDIR)/bundles:/out" $(IMAGE) true
build:
\tdocker build -t $(IMAGE) .
"""
CONTAINERFILE = """\
FROM debian:bookworm
COPY source /copied
RUN --mount=type=bind,target=/context cat /copied /context/source > /built
"""
BUILT = "one\none\n"


@dataclass
class Client:
    """A checkout, and a user with a storage of their own here."""

    project: Path
    environment: Mapping[str, str]
    node: Sshd

    def __call__(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "rootless_build", *words],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done

    def on(self, *words: str, status: int | None = 0) -> str:
        done = self("--on", self.node.url, *words, status=status)
        return done.stdout + done.stderr


def there(node: Sshd, *words: str) -> str:
    """What a command says on the node."""
    environment = {**os.environ, **node.xdg(), "HOME": str(node.home)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def left(node: Sshd) -> tuple[list[str], str]:
    """Private directories on the node, and containers."""
    places = [path.name for path in (node.home / "run").glob("rbuild-node.*")]
    return places, there(node, "podman", "ps", "--all", "--external", "--quiet")


def await_nothing_left(node: Sshd) -> None:
    deadline = time.monotonic() + DEADLINE
    while left(node) != ([], ""):
        assert time.monotonic() < deadline, left(node)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    if os.getuid() == 0:
        pytest.fail("rootless engines are not tested as root: use contrib/run-tests", pytrace=False)
    with short_place() as made:
        yield made


@pytest.fixture(scope="module")
def node(place: Path) -> Iterator[Sshd]:
    (place / "n").mkdir()
    with listening(place / "n") as made:
        archive = place / "base.tar"
        write_base_root(archive)
        rbuild = (sys.executable, "-m", "rootless_build", "--backend", "podman")
        there(made, *rbuild, "base", "--from", str(archive), "debian:bookworm")
        yield made


@pytest.fixture
def client(node: Sshd, tmp_path: Path, place: Path) -> Client:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Makefile").write_text(MAKEFILE)
    (project / "Dockerfile").write_text(CONTAINERFILE)
    (project / ".dockerignore").write_text("bundles\n")
    (project / "source").write_text("one\n")
    home = place / "c"
    (home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RBUILD_", "CONTAINER", "DOCKER_", "XDG_"))
    }
    own = {**environment, **xdg(home), **node.environment, "NO_COLOR": "1", "TERM": "dumb"}
    return Client(project, own, node)


def test_bundles_come_from_a_node(client: Client) -> None:
    client.on("binary")
    app = client.project / "bundles" / "app"
    assert app.read_text() == BUILT
    assert app.stat().st_uid == os.getuid()
    assert "localhost/nodes-test" in there(client.node, "podman", "images")
    here = subprocess.run(
        ["podman", "images", "--quiet"],
        env=client.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert here.stdout == "", "nothing is built here"
    assert left(client.node) == ([], "")

    assert "nothing changed" in client.on("binary")

    (client.project / "source").write_text("two\n")
    client.on("binary")
    assert app.read_text() == "two\ntwo\n"


def test_a_container_there_finds_the_bundles_and_removes_some(client: Client) -> None:
    bundles = client.project / "bundles"
    bundles.mkdir()
    (bundles / "old").write_text("old\n")
    (bundles / "kept").write_text("kept\n")
    (bundles / "kept").chmod(0o640)
    before = (bundles / "kept").stat()

    client.on("binary")

    found = {path.name for path in bundles.iterdir()} - {"provenance.intoto.json"}
    assert found == {"app", "kept", "seen"}
    after = (bundles / "kept").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mounted",), "can't do this yet: a mount of"),
        (("--secret", "id=word,src=source", "binary"), "can't do this yet: --secret"),
        (("--live", "binary"), "--live"),
        (("--dry-run", "binary"), "--dry-run"),
        (("--backend", "buildah", "binary"), "no build goes to a node's buildah yet"),
    ],
)
def test_what_a_node_cannot_do_is_refused_by_name(
    client: Client, words: tuple[str, ...], said: str
) -> None:
    (client.project / "Dockerfile").write_text(f"{CONTAINERFILE}RUN touch /{len(said)}\n")
    before = there(client.node, "podman", "images", "--all", "--quiet")
    errors = client.on(*words, status=None)
    assert said in errors
    assert there(client.node, "podman", "images", "--all", "--quiet") == before
    assert not (client.project / "bundles").exists()


def ended_by(how: str, run: subprocess.Popen[str]) -> None:
    if how == "interrupt":
        run.send_signal(signal.SIGINT)
    elif how == "kill":
        run.kill()
    else:
        (master,) = (
            process
            for process in proc.processes()
            if run.pid in proc.ancestors(process)
            and b"ControlMaster=yes" in proc.command_line(process)
        )
        os.kill(master, signal.SIGKILL)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("interrupt", marks=pytest.mark.exhaustive),
        pytest.param("kill", marks=pytest.mark.exhaustive),
        "connection",
    ],
)
def test_a_run_that_ends_early_leaves_nothing_there(client: Client, how: str) -> None:
    bundles = client.project / "bundles"
    bundles.mkdir()
    (bundles / "app").write_text("before\n")
    words = [sys.executable, "-m", "rootless_build", "--on", client.node.url, "wait"]
    with subprocess.Popen(
        words,
        cwd=client.project,
        env=client.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        said = ""
        for line in run.stdout:
            said += line
            if line == "begun\n":
                break
        else:
            pytest.fail(said)
        ended_by(how, run)
        said = run.stdout.read()
        status = run.wait(DEADLINE)
    assert status == {"interrupt": 130, "kill": -signal.SIGKILL, "connection": 3}[how], said
    if how == "connection":
        assert f"the connection to the node {client.node.url} was lost" in said
    assert (bundles / "app").read_text() == "before\n"
    await_nothing_left(client.node)

    client.on("binary")
    assert (bundles / "app").read_text() == BUILT


def test_a_node_that_is_not_reached_is_an_error_and_nothing_is_built_here(client: Client) -> None:
    gone = client("--on", "ssh://127.0.0.1:1", "binary", status=3)
    assert "the node ssh://127.0.0.1:1 can't be reached" in gone.stderr
    assert "Connection refused" in gone.stderr

    known = client.node.client / "known_hosts"
    text = known.read_text()
    try:
        client.node.forget_host_key()
        strange = client.on("binary", status=3)
    finally:
        known.write_text(text)
    assert "can't be reached: Host key verification failed" in strange
    assert "takes no key that ssh does not know" in strange
    assert not (client.project / "bundles").exists()


def test_nodes_are_listed_with_what_is_wrong_there(client: Client, place: Path) -> None:
    programs = place / "bin"
    programs.mkdir()
    for program in ("sh", "id", "uname", "sed", "cat", "df", "tail", "mktemp", "cut", "rm"):
        found = shutil.which(program)
        if found:
            (programs / program).symlink_to(found)
    (place / "bare").mkdir()
    config = Path(client.environment["XDG_CONFIG_HOME"], "rbuild", "config.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    try:
        with listening(place / "bare", str(programs)) as bare:
            known = client.node.client / "known_hosts"
            known.write_text(known.read_text() + (bare.client / "known_hosts").read_text())
            shutil.copy(client.node.client / "key.pub", bare.home.parent / "sshd/authorized_keys")
            config.write_text(
                f'[nodes.good]\nurl = "{client.node.url}"\n[nodes.bare]\nurl = "{bare.url}"\n'
                '[nodes.gone]\nurl = "ssh://127.0.0.1:1"\n'
            )
            listed = json.loads(client("nodes", "--format", "json", status=3).stdout)
            table = client("nodes", status=3).stdout
            refused = client("--on", "bare", "binary", status=3).stderr
        assert client("nodes", "good").returncode == 0
        client("--on", "good", "binary")
    finally:
        config.unlink()
    by_name = {each["name"]: each for each in listed}
    good = by_name["good"]
    assert (good["usable"], good["engine"], good["problem"]) == (True, "podman", "")
    assert good["free"] > 0
    assert by_name["bare"]["problem"] == "it has no podman"
    assert by_name["bare"]["platform"] == good["platform"]
    assert "Connection refused" in by_name["gone"]["problem"]
    assert "can build" in table
    assert "no build can go to the node bare: it has no podman" in refused
