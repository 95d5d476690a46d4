"""The shell of an image that has nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rootless_build.images.asking.program import put_shell
from rootless_build.process import programs

which = programs.which


def without_busybox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "which", lambda name: None if name == "busybox" else which(name))


def test_without_busybox_it_is_this_hosts_own_with_its_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_busybox(monkeypatch)
    put_shell(tmp_path)
    loaders = [file for file in tmp_path.rglob("ld-*") if file.is_file()]
    assert loaders
    libraries = {str(file.parent) for file in tmp_path.rglob("lib*") if file.is_file()}
    for name in ("sh", "readlink", "stat"):
        program = tmp_path / "bin" / name
        # The loader lists what it finds in these directories alone.
        done = subprocess.run(
            [
                loaders[0],
                "--inhibit-cache",
                "--library-path",
                ":".join(libraries),
                "--list",
                program,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "not found" not in done.stdout


def test_a_program_that_is_nowhere_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "which", lambda _: None)
    with pytest.raises(OSError, match="sh"):
        put_shell(tmp_path)
