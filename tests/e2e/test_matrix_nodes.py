"""A matrix on several machines, of which one dies: each node is an sshd of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from rootless_build.process import proc
from rootless_build.testing.base_root import write_base_root
from tests.e2e.sshd import Sshd, listening, short_place, xdg

pytestmark = pytest.mark.exhaustive
MAKEFILE = """\
a b c d:
\tdocker build -t cell .
\tdocker run --rm -v $(CURDIR)/bundles:/out cell sh -c 'sleep 1; cat /said > /out/$@'
"""
DEADLINE = 300.0
"""Seconds after which a matrix hangs."""


@pytest.fixture
def place() -> Iterator[Path]:
    if os.getuid() == 0:
        pytest.fail("rootless engines are not tested as root: use contrib/run-tests", pytrace=False)
    with short_place() as made:
        yield made


@pytest.fixture
def nodes(place: Path) -> Iterator[dict[str, Sshd]]:
    """Three of them, which take the same key of the client's."""
    archive = place / "base.tar"
    write_base_root(archive)
    with ExitStack() as stack:
        made: dict[str, Sshd] = {}
        for name in ("one", "two", "three"):
            (place / name).mkdir()
            made[name] = stack.enter_context(listening(place / name))
            environment = {**os.environ, **made[name].xdg(), "HOME": str(made[name].home)}
            base = ("--backend", "podman", "base", "--from", str(archive), "debian:bookworm")
            command = [sys.executable, "-m", "rootless_build", *base]
            subprocess.run(command, env=environment, check=True, capture_output=True)
        first, *others = made.values()
        known = first.client / "known_hosts"
        for other in others:
            known.write_text(known.read_text() + (other.client / "known_hosts").read_text())
            shutil.copy(first.client / "key.pub", other.home.parent / "sshd/authorized_keys")
        yield made


@pytest.fixture
def environment(nodes: Mapping[str, Sshd], place: Path) -> dict[str, str]:
    """The client's, in whose configuration the nodes are named."""
    home = place / "c"
    (home / "run").mkdir(mode=0o700, parents=True)
    config = home / "config/rbuild/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("".join(f'[nodes.{n}]\nurl = "{node.url}"\n' for n, node in nodes.items()))
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RBUILD_", "CONTAINER", "DOCKER_", "XDG_"))
    }
    return {**kept, **xdg(home), **nodes["one"].environment, "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of three branches."""
    made = tmp_path / "project"
    made.mkdir()
    (made / "Makefile").write_text(MAKEFILE)
    (made / "Dockerfile").write_text("FROM debian:bookworm\nCOPY said /\n")
    (made / ".dockerignore").write_text("*\n!said\n")
    (made / ".gitignore").write_text("bundles\n")
    git = ("git", "-C", str(made), "-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    for branch in ("x", "y", "z"):
        (made / "said").write_text(f"{branch}\n")
        for words in (
            ("checkout", "-qb", branch),
            ("add", "-A"),
            ("commit", "-qm", branch),
        ):
            subprocess.run([*git, *words], check=True)
    return made


def die(node: Sshd) -> None:
    """As a machine that is switched off: nothing there answers or works any more."""
    for process in [*proc.processes()]:
        with suppress(OSError):
            if node.process.pid in proc.ancestors(process) or process == node.process.pid:
                os.kill(process, signal.SIGKILL)


def test_three_branches_and_four_targets_on_three_machines_one_of_which_dies(
    nodes: Mapping[str, Sshd], environment: Mapping[str, str], project: Path
) -> None:
    words = ("matrix", "--executor", "nodes", "--refs", "x,y,z", "a", "b", "c", "d")
    with subprocess.Popen(
        [sys.executable, "-m", "rootless_build", *words, "--format", "json"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        deadline = time.monotonic() + DEADLINE
        while len([*(project / "bundles").glob("*/?")]) < 4:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        die(nodes["two"])
        told, errors = run.communicate(timeout=DEADLINE)
    assert run.returncode == 0, errors
    rows = json.loads(told)
    assert len(rows) == 12
    assert {row["state"] for row in rows} == {"done"}
    assert {"one", "three"} <= {row["where"] for row in rows} <= {"one", "two", "three"}
    assert "its worker was lost" in errors
    for branch in ("x", "y", "z"):
        for target in ("a", "b", "c", "d"):
            made = project / "bundles" / f"{branch}-{target}" / target
            assert made.read_text() == f"{branch}\n"

    again = subprocess.run(
        [sys.executable, "-m", "rootless_build", *words, "--format", "json"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    states = {row["cell"]: row["state"] for row in json.loads(again.stdout)}
    stayed = {row["cell"] for row in rows if row["where"] != "two"}
    kept = Path(environment["XDG_STATE_HOME"], "rbuild/matrix")
    why = {
        cell: [step["why"] for step in json.loads(file.read_text())["steps"]]
        for cell in stayed
        for file in kept.glob(f"*/cells/{cell}/metadata.json")
    }
    assert {states[cell] for cell in stayed} == {"unchanged"}, why


def test_a_node_that_nobody_knows_is_an_error_before_anything_starts(
    environment: Mapping[str, str], project: Path
) -> None:
    words = ("matrix", "--executor", "nodes", "--executor-option", "nodes=one,to", "a")
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "did you mean two?" in done.stderr or "known are" in done.stderr
    assert not (project / "bundles").exists()
