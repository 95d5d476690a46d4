"""Hosts made for real: what plain podman does there, and what rbuild does.

Run by root (contrib/run-tests does): each host is an account that exists for the test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.host import symptoms
from rootless_build.testing.base_root import add, open_base_root
from tests.hosts.machine import Completed, Machine, accounts, machine, remove_stale
from tests.hosts.spoiled import HOSTS, NO_DOCKER, ORDINARY, Host

PROJECT = Path(__file__).parent.parent / "data" / "project"
IMPORT = "podman import base.tar localhost/base\n"
PLAIN = """\
printf 'FROM %s\\nRUN true\\n' "$1" | podman build -t localhost/plain -
podman run --rm --privileged -v "$PWD/project/bundles:/bundles" localhost/plain \\
    sh -c 'rm -rf /bundles/* && echo > /bundles/new'
test -O project/bundles/new
"""
LOG = re.compile(r'time="[^"]*" level=\w+ msg="')
Spoil = Callable[[Host], AbstractContextManager[Machine]]


@pytest.fixture(scope="session")
def unharmed() -> Iterator[None]:
    """The machine itself is afterwards what it was."""
    if os.getuid() != 0:
        pytest.fail("hosts are made by root: use contrib/run-tests", pytrace=False)
    remove_stale()
    before = traces()
    yield
    assert traces() == before
    assert accounts() == []


def traces() -> dict[Path, tuple[int, int, float]]:
    """What the hosts spoil, as the machine has it."""
    programs = ("podman", "buildah", "docker", "newuidmap", "newgidmap", "make", "slirp4netns")
    files = [Path("/usr/bin", name) for name in (*programs, "crun", "runc")]
    files += [Path("/dev/net/tun"), *Path("/etc/containers").rglob("*")]
    seen = {file: file.lstat() for file in files if file.exists()}
    return {file: (stat.st_mode, stat.st_size, stat.st_mtime) for file, stat in seen.items()}


@pytest.fixture(scope="session")
def base(unharmed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with files of the owners that a distribution's have."""
    file = tmp_path_factory.mktemp("base") / "base.tar"
    with open_base_root(file) as archive:
        add(archive, "var/nobody", 0o644, uid=65534)
    return file


@pytest.fixture
def spoil(base: Path) -> Spoil:
    """Makes a host."""

    @contextmanager
    def made(host: Host) -> Iterator[Machine]:
        with machine() as new:
            shutil.copytree(PROJECT, new.home / "project", symlinks=True)
            (new.home / "project/bundles").mkdir()
            shutil.copy(base, new.home / "base.tar")
            new.as_root('chown -R "$HOST_ACCOUNT:" "$HOST_HOME"')
            if host.prepare:
                done = new.run(["sh", "-euc", host.prepare])
                assert done.returncode == 0, done.stderr
            new.as_root(NO_DOCKER + (ORDINARY if host.ordinary else "") + host.spoil)
            yield new

    return made


@dataclass(frozen=True)
class Answer:
    """What rbuild said to a build: its status, the backend, the causes it named."""

    status: int
    backend: str
    causes: tuple[str, ...]
    words: str


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.title)
def test_on_a_spoiled_host_rbuild_works_or_names_the_cause(
    host: Host, spoil: Spoil, record_property: Callable[[str, object], None]
) -> None:
    with spoil(host) as new:
        plain = plainly(new, host)
    with spoil(host) as new:
        answer = build(new, host)
        doctor = rbuild(new, host, "doctor", "--format", "json")
        bundles = [file for file in (new.home / "project/bundles").rglob("*") if file.is_file()]
        owners = {file.stat().st_uid for file in bundles}
    named = f"exit {answer.status}, {', '.join(answer.causes)}"
    said = f"works, with {answer.backend}" if answer.status == 0 else named
    record_property("host", [host.title, plain, said])
    assert "Traceback" not in answer.words + doctor.stderr
    found = [finding["id"] for finding in json.loads(doctor.stdout)["findings"]]
    if host.finding is None:
        assert answer.status == 0, answer.words
        assert len(bundles) > 1
        assert owners == {new.uid}
        assert doctor.returncode == 0
        assert host.doctor is None or host.doctor in found
    else:
        assert (answer.status, answer.causes) == (3, (host.finding,)), answer.words
        assert found[0] == host.finding


def plainly(new: Machine, host: Host) -> str:
    """An image and a container as a person makes them with podman: "works", or its words."""
    script = IMPORT + PLAIN if host.base else PLAIN
    image = "localhost/base" if host.base else "debian:bookworm"
    done = run(new, host, new.home, "sh", "-ec", script, "sh", image)
    if done.returncode == 0:
        return "works"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    telling = (line for line in lines if symptoms.find(line))
    words = next(telling, lines[-1] if lines else f"status {done.returncode}")
    words = LOG.sub("", words).replace('\\"', '"').removeprefix("Error: ")
    return words.replace(new.account, "user").replace(str(new.uid), "UID")


def build(new: Machine, host: Host) -> Answer:
    """A base image, and a build with it."""
    log = ("--log-format", "json")
    make_base = (*log, "base", "--from", str(new.home / "base.tar"), "debian:bookworm")
    steps: list[tuple[str, ...]] = [make_base] if host.base else []
    steps.append((*log, "binary"))
    answer = Answer(0, "", (), "")
    for words in steps:
        done = rbuild(new, host, *words)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        answer = Answer(
            done.returncode,
            next((event["name"] for event in events if event["event"] == "backend-chosen"), ""),
            tuple(event["finding"] for event in events if event["event"] == "error"),
            done.stdout + done.stderr,
        )
        if answer.status:
            break
    return answer


def rbuild(new: Machine, host: Host, *words: str) -> Completed:
    return run(new, host, new.home / "project", sys.executable, "-m", "rootless_build", *words)


def run(new: Machine, host: Host, directory: Path, *argv: str) -> Completed:
    return new.run(
        argv,
        before=host.before,
        wrapper=host.wrapper,
        environment=host.environment,
        directory=directory,
        as_account=host.as_account,
    )
