"""Hosts made for real: what plain podman does there, and what rbuild does.

Run by root (contrib/run-tests does): each host is an account that exists for the test.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.base_root import add, open_base_root
from tests.hosts.machine import Machine, machine, remove_stale
from tests.hosts.spoiled import HOSTS, ORDINARY, Host

PROJECT = Path(__file__).parent.parent / "data" / "project"
PLAIN = """\
set -e
podman import base.tar localhost/base
printf 'FROM localhost/base\\nRUN true\\n' | podman build -t localhost/plain -
podman run --rm --privileged -v "$HOME/project/bundles:/bundles" localhost/plain touch /bundles/new
test -O "$HOME/project/bundles/new"
"""
WORDS = 110
"""Characters of an engine's message that are shown in the table."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with files of the owners that a distribution's have."""
    if os.getuid() != 0:
        pytest.fail("hosts are made by root: use contrib/run-tests", pytrace=False)
    remove_stale()
    file = tmp_path_factory.mktemp("base") / "base.tar"
    with open_base_root(file) as archive:
        add(archive, "var/nobody", 0o644, uid=65534)
    return file


Spoil = Callable[[Host], AbstractContextManager[Machine]]


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
            new.as_root((ORDINARY if host.ordinary else "rm -f /usr/bin/docker\n") + host.spoil)
            yield new

    return made


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.title)
def test_on_a_spoiled_host_rbuild_works_or_names_the_cause(
    host: Host, spoil: Spoil, record_property: Callable[[str, object], None]
) -> None:
    with spoil(host) as new:
        plain = _run(new, host, "sh", "-c", PLAIN)
    with spoil(host) as new:
        based = _rbuild(new, host, "base", "--from", str(new.home / "base.tar"), "debian:bookworm")
        built = _rbuild(new, host, "--log-format", "json", "binary")
        doctor = _rbuild(new, host, "doctor", "--format", "json")
        bundles = [f for f in (new.home / "project/bundles").rglob("*") if f.is_file()]
        owners = {file.stat().st_uid for file in bundles}
    said = json.loads(doctor.stdout)
    found = [finding["id"] for finding in said["findings"]]
    print(
        based.returncode,
        based.stderr,
        plain.stderr,
        built.stdout[-3000:],
        built.stderr,
        doctor.stdout,
        sep="\n--\n",
    )
    events = [json.loads(line) for line in built.stdout.splitlines()]
    errors = [event for event in events if event["event"] == "error"]
    record_property("row", [host.title, _last(plain), ""])
    assert "Traceback" not in built.stderr + based.stderr + doctor.stderr
    if host.finding is None:
        assert (based.returncode, built.returncode, doctor.returncode) == (0, 0, 0)
        assert len(bundles) > 1
        assert owners == {new.uid}
        assert host.doctor is None or host.doctor in found
        return
    assert built.returncode == 3
    assert [error["finding"] for error in errors] == [host.finding]
    assert based.returncode in {0, 3}
    assert found[0] == host.finding


def _run(new: Machine, host: Host, *argv: str):
    return new.run(
        argv,
        before=host.before,
        wrapper=host.wrapper,
        environment=host.environment,
        directory=new.home / "project" if argv[0] != "sh" else new.home,
        as_account=host.as_account,
    )


def _rbuild(new: Machine, host: Host, *words: str):
    return _run(new, host, sys.executable, "-m", "rootless_build", *words)


def _last(plain) -> str:
    if plain.returncode == 0:
        return "works"
    lines = [line for line in plain.stderr.splitlines() if line.strip()]
    return lines[-1][:WORDS] if lines else f"status {plain.returncode}"
