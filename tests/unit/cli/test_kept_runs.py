"""How a command ends has nothing to do with what is kept of its run."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from rootless_build.cli import app, kept_runs
from rootless_build.cli.app import Rbuild
from rootless_build.cli.own_places import history_directory
from rootless_build.history import runs
from rootless_build.history.record import FailureRecord
from rootless_build.model.errors import FailedInstruction, ImageBuildError
from rootless_build.model.events import OutputLine
from rootless_build.model.plan import BuildImage, Plan, from_json
from rootless_build.model.structs import replace
from tests.made_runs import begun, keep


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


@pytest.fixture
def three_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs 1 to 3 of the current directory, each of which said its number."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    directory = history_directory(Path.cwd())
    for number in (1, 2, 3):
        keep(directory, begun(number), [(0.0, OutputLine(1, "stdout", b"%d\n" % number))])


@pytest.mark.usefixtures("three_runs")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("log -1", "2"),
        ("log -2 --step 1", "1"),
        ("-C . log --step 1 -1", "2"),
        ("log -- -1", "2"),
        ("history diff -2 -1", "run 1 and run 2"),
        ("history diff 1 -1", "run 1 and run 2"),
        ("report -3", "no run -3 of this project is kept"),
        ("debug -3 -- ls -1", "no run -3 of this project is kept"),
        ("log --step -1", "--step -1: it is a number, 1 or more"),
        ("log -x", "unknown option -x"),
        ("log -1x", "unknown option -1"),
        ("plan -1", "unknown option -1"),
    ],
)
def test_runs_are_counted_back_from_the_last(
    capfd: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    app.run(["rbuild", *words.split()])
    told = capfd.readouterr()
    assert said in told.out + told.err
