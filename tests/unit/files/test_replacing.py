"""Files that are replaced: whoever reads one finds the old content or the new, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.files.replacing import replace_content
from rootless_build.process import identities

KILLED = """
import os, signal, sys
from pathlib import Path
from rootless_build.files.replacing import replace_content
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
replace_content(Path(sys.argv[1]), b"never")
"""


def kill_a_writer(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, file], check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", ["record", "a.json", ".hidden", "a\nb"])
def test_killed_writers_leave_the_old_content_and_at_most_one_file(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    replace_content(file, b"old")
    for _ in range(3):
        kill_a_writer(file)
        assert file.read_bytes() == b"old"
        assert len(list(tmp_path.iterdir())) == 2
    replace_content(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_another_files_or_a_live_writers_stays(tmp_path: Path) -> None:
    kill_a_writer(tmp_path / "other")
    alive = tmp_path / f".record.{identities.private_prefix()}x_1"
    alive.touch()
    before = set(tmp_path.iterdir())
    replace_content(tmp_path / "record", b"new")
    assert set(tmp_path.iterdir()) == {*before, tmp_path / "record"}


def test_what_can_not_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_content(tmp_path / "record", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "record"]
