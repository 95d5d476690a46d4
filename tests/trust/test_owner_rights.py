"""Root reads no file for a recipe that the recipe's owner may not read."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.files import as_owner

USER = 12345
SECRET = "OF_ROOT"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")


@pytest.fixture
def private() -> Iterator[Path]:
    """A file in a directory that root alone may enter."""
    with tempfile.TemporaryDirectory(dir="/root") as name:
        (Path(name) / "file").write_text(f"{SECRET}=1\n")
        yield Path(name)


@pytest.fixture
def project() -> Iterator[Path]:
    """A project of another user's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        os.chown(place, USER, USER)
        (place / "Dockerfile").write_text("FROM x\n")
        (place / "own").write_text("OF_USER=1\n")
        yield place


def plan(project: Path, line: str, *more: str) -> tuple[int, str]:
    """A process of its own: its modules are where only root may read them, if they are here."""
    (project / "Makefile").write_text(f"all:\n\t{line}\n")
    command: tuple[str, ...] = (sys.executable, "-m", "rootless_build", "-C", str(project))
    command = (*command, "plan", "--no-sandbox", *more)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


LINES = {
    "environment": "docker run --env-file {} x",
    "labels": "docker run --label-file {} x",
    "containerfile": "docker build -f {} .",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("how", ["named", "link", "directory", "climbing", "mode"])
def test_what_the_owner_may_not_read_is_not_read(
    project: Path, private: Path, line: str, how: str
) -> None:
    secret = private / "file"
    named = str(secret)
    if how == "link":
        (project / "link").symlink_to(secret)
        named = "link"
    elif how == "directory":
        (project / "directory").symlink_to(private)
        named = "directory/file"
    elif how == "climbing":
        named = os.path.relpath(secret, project)
    elif how == "mode":
        (project / "file").write_text(secret.read_text())
        (project / "file").chmod(0o600)
        named = "file"
    status, said = plan(project, line.format(named))
    assert status not in {0, 1}, said
    assert SECRET not in said
    assert "Traceback" not in said
    assert "ermission denied" in said or "may not read" in said


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_what_the_owner_may_read_is_read(project: Path, line: str) -> None:
    # As JSON: buildah's own commands have no labels.
    status, said = plan(project, line.format("own"), "--format", "json")
    assert status == 0, said
    assert ("OF_USER" in said) is ("build" not in line)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_roots_own_project_is_read_with_roots_rights(private: Path, line: str) -> None:
    (private / "Dockerfile").write_text("FROM x\n")
    status, said = plan(private, line.format("file"))
    assert status == 0, said


def test_nothing_is_read_where_the_call_that_takes_the_rights_is_unknown(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_owner, "_CALLS", {})
    monkeypatch.setattr(as_owner, "_GENERIC", (100_000,) * 3)
    with pytest.raises(OSError, match="not implemented"):
        as_owner.read_as_owner(project, lambda: pytest.fail("it was read"))


def test_the_rights_are_one_threads(project: Path, private: Path) -> None:
    """What else goes on meanwhile keeps root's."""
    script = (
        "import os, sys, threading; from pathlib import Path\n"
        "from rootless_build.files.as_owner import read_as_owner\n"
        "begun, done = threading.Event(), threading.Event()\n"
        "def read():\n"
        "    begun.set(); done.wait(9)\n"
        "    status = Path('/proc/thread-self/status').read_text().splitlines()\n"
        "    return [line for line in status if line.startswith(('Uid', 'Gid', 'Gr', 'CapEff'))]\n"
        "def other():\n"
        "    begun.wait(9); print(Path(sys.argv[2]).read_text(), os.geteuid()); done.set()\n"
        "beside = threading.Thread(target=other); beside.start()\n"
        "print(read_as_owner(Path(sys.argv[1]), read)); beside.join(); print(os.geteuid())\n"
    )
    words = (sys.executable, "-c", script, str(project), str(private / "file"))
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    first, *_ = lines = said.splitlines()
    assert first == f"{SECRET}=1"
    assert (lines[1].strip(), lines[-1]) == ("0", "0")
    assert f"Uid:\\t0\\t{USER}\\t0\\t{USER}" in lines[2]
    assert f"Gid:\\t0\\t{USER}\\t0\\t{USER}" in lines[2]
    assert f"Groups:\\t{USER} '" in lines[2]
    assert "CapEff:\\t0000000000000000" in lines[2]
