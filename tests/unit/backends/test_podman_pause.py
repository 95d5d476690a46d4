"""The process that holds podman's namespaces open."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rbuild_podman.pause import pause_process


def written(runtime: Path, text: str) -> dict[str, str | None]:
    file = runtime / "libpod/tmp/pause.pid"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {"XDG_RUNTIME_DIR": str(runtime)}


def test_its_number_is_what_podman_wrote(tmp_path: Path) -> None:
    cat = shutil.which("cat")
    assert cat is not None
    program = tmp_path / "catatonit"
    shutil.copy(cat, program)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # It has its name for sure when it does something.
        process.stdin.write(b"x")
        assert process.stdout.read(1) == b"x"
        found = pause_process(written(tmp_path / "run", str(process.pid)))
        process.kill()
    assert found == process.pid


@pytest.mark.parametrize("text", ["", "x", "999999999"])
def test_what_is_no_process(tmp_path: Path, text: str) -> None:
    assert pause_process(written(tmp_path, text)) is None


def test_a_process_that_has_its_number_now(tmp_path: Path) -> None:
    assert pause_process(written(tmp_path, str(os.getpid()))) is None


def test_where_no_podman_was_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pause_process({"XDG_RUNTIME_DIR": str(tmp_path)}) is None
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert pause_process({}) is None
