"""How a command ends has nothing to do with what is kept of its run."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from rootless_build.cli import kept_runs
from rootless_build.cli.app import Rbuild
from rootless_build.cli.own_places import history_directory
from rootless_build.history import runs
from rootless_build.history.record import FailureRecord
from rootless_build.model.errors import FailedInstruction, ImageBuildError
from rootless_build.model.plan import BuildImage, Plan, from_json
from rootless_build.model.structs import replace


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


def test_a_secret_that_is_a_word_of_plans_hides_no_name_of_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    command = Rbuild("rbuild")
    kept_runs.keep(command)
    step = BuildImage(tmp_path, build_args=(("A_TOKEN", "context"),), target="a-context")
    failed = FailedInstruction("RUN echo context", "Dockerfile:3", status=5)
    error = ImageBuildError(failed)
    error.step = 1

    def fail() -> int:
        command.keepings[0].done(Plan(tmp_path, (step,)))
        raise error

    assert command.attempt(fail) == 1
    (kept,) = runs.kept(history_directory(command.project))
    assert kept.record is not None
    (found,) = from_json(kept.record.plan).steps
    assert found == replace(step, build_args=(("A_TOKEN", "***"),), target="a-***")
    assert kept.record.failure == FailureRecord(1, "Dockerfile:3", "RUN echo ***", status=5)
