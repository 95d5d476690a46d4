"""Ctrl-C and signals while a script has a container at work, on a terminal and without one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild

pytestmark = pytest.mark.in_ci("podman", "buildah")

CTRL_C = b"\x03"
_SCRIPT = """\
docker build -q --network host -t live . >/dev/null
docker run --rm --network host live sh -c 'echo rea""dy; sleep 1000'
echo not this > after
"""
_CATCHES = """trap "echo caught; exit 9" INT; echo rea''dy; while :; do sleep 0.1; done"""


@pytest.fixture
def live(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    """`rbuild` in a project with a Dockerfile and no recipe."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text("FROM debian:bookworm\n")
    (project / "script").write_text(_SCRIPT)
    return Rbuild(project, backend_name, rbuild_environment)


def test_ctrl_c_ends_a_script_and_its_container(live: Rbuild) -> None:
    with live.on_screen("exec", "--", "sh", "./script") as (running, screen):
        assert screen.shows(b"ready"), screen.shown
        screen.type(CTRL_C)
        screen.read_all()
        running.wait(DEADLINE)
    assert running.returncode == 130, screen.shown
    assert not (live.project / "after").exists()
    assert live.leftovers() == []


def test_ctrl_c_is_a_containers_own_that_has_the_terminal(live: Rbuild) -> None:
    (live.project / "script").write_text(
        "docker build -q --network host -t live . >/dev/null\n"
        f"docker run --rm -it --network host live sh -c '{_CATCHES.replace(chr(39), chr(34))}'\n"
        'echo "status $?"\n'
    )
    with live.on_screen("exec", "--", "sh", "./script") as (running, screen):
        assert screen.shows(b"ready"), screen.shown
        screen.type(CTRL_C)
        screen.read_all()
        running.wait(DEADLINE)
    assert running.returncode == 0, screen.shown
    assert b"caught" in screen.shown
    assert b"status 9" in screen.shown
    assert live.leftovers() == []


def test_a_container_gets_what_ends_no_run(live: Rbuild, backend_name: str) -> None:
    """buildah has no command that sends a signal to a container: there the run ends by it."""
    (live.project / "script").write_text(
        """\
import pathlib, signal, subprocess, time
subprocess.run("docker build -q --network host -t live .", shell=True, check=True)
traps = "; ".join(f"trap 'echo {n} >> /here/got' {n}" for n in ("USR1", "USR2", "QUIT"))
waits = f"{traps}; echo > /here/got; until [ -e /here/end ]; do sleep 0.1; done; exit 7"
words = ["docker", "run", "--rm", "--network", "host", "-v", ".:/here", "live", "sh", "-c", waits]
called = subprocess.Popen(words)
got = pathlib.Path("got")
def heard(count):
    while called.poll() is None and not (got.exists() and len(got.read_text().split()) >= count):
        time.sleep(0.05)
heard(0)
for count, name in enumerate(("USR1", "USR2", "QUIT"), 1):
    called.send_signal(getattr(signal, f"SIG{name}"))
    heard(count)
pathlib.Path("end").touch()
print(called.wait(), *got.read_text().split())
"""
    )
    done = live("exec", "--", "python3", "./script")
    wanted = "138" if backend_name == "buildah" else "7 USR1 USR2 QUIT"
    assert done.stdout.splitlines()[-1] == wanted, done.stderr
    assert live.leftovers() == []
