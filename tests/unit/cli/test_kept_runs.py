"""How a command ends has nothing to do with what is kept of its run."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from rootless_build.cli import kept_runs
from rootless_build.cli.app import Rbuild
from rootless_build.history import runs


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (FileNotFoundError(2, "gone"), "gone"),
        (RuntimeError("a fault"), "a fault"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_trouble_with_what_is_kept_changes_no_status(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: BaseException,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise trouble

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "forget_old", fail)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.FileIO(1, "w", closefd=False)))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.FileIO(2, "w", closefd=False)))
    command = Rbuild("rbuild")
    kept_runs.keep(command)
    assert command.attempt(lambda: 0) == 0
    told = capfd.readouterr().err
    assert said in told
    assert ("warning" in told) is bool(said)
