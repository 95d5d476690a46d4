"""Runs that are kept: what is known of each, which of them stay, and what never stops a run."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from rootless_build.history import differences, log_files, record, runs
from rootless_build.history.choosing import run_named
from rootless_build.history.log_files import LogFiles
from rootless_build.history.record import BundleRecord, Outcome, RunRecord, StepRecord
from rootless_build.history.writing import Writer
from rootless_build.model.errors import StepFailedError, UsageError
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    BundlesPublished,
    Level,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)
from rootless_build.model.structs import replace

_BEGUN = RunRecord(record.VERSION, 0, "rbuild x", Path("/p"), "2026-12-01T00:00:00+00:00")


def _begin(directory: Path, said: list[str] | None = None) -> Writer:
    return runs.begin(directory, _BEGUN, (said if said is not None else []).append)


def _end(writer: Writer, status: int = 0) -> bool:
    _, is_whole = writer.end(lambda begun: begun, "2026-12-01T00:00:02+00:00", status, 2.0)
    return is_whole


def test_what_happened_is_on_record(tmp_path: Path) -> None:
    writer = _begin(tmp_path)
    writer(BackendChosen("podman", "4.3.1", "first choice"))
    writer(StepStarted(1, 2, "build-image", "build image x"))
    writer(Notice(Level.DETAIL, "explain", "because: the context changed (a)", 1))
    writer(StepFinished(1, 2, "build-image", 0, 1.0))
    writer(StepStarted(2, 2, "run-container", "run x"))
    writer(StepFinished(2, 2, "run-container", 3, 0.5))
    writer(BundlesPublished(Path("/p/bundles"), ("f",), 0))
    writer.error(StepFailedError("run x failed with status 3"))
    writer(BuildFinished(1, 2.0, 0.25))
    assert runs.kept(tmp_path)[0].goes_on
    assert _end(writer, 1)
    (run,) = runs.kept(tmp_path)
    assert not run.goes_on
    assert run.record is not None
    assert run.record.backend == "podman 4.3.1"
    assert run.record.why == "the context changed (a)"
    assert run.record.steps == (
        StepRecord(1, "build-image", "build image x", 0, 1.0, why="the context changed (a)"),
        StepRecord(2, "run-container", "run x", 3, 0.5),
    )
    assert run.record.outcome == Outcome(
        "2026-12-01T00:00:02+00:00", 1, 2.0, 0.25, error="run x failed with status 3"
    )
    assert writer.published == {"f": Path("/p/bundles")}


def test_a_run_that_was_killed_has_no_outcome(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        _begin(tmp_path)(OutputLine(1, "stdout", b"x\n"))
        os._exit(9)
    os.waitpid(pid, 0)
    (run,) = runs.kept(tmp_path)
    assert not run.goes_on
    assert run.record is not None
    assert run.record.outcome is None


def test_what_a_fork_says_is_not_kept_by_it(tmp_path: Path) -> None:
    writer = _begin(tmp_path)
    for number in range(200):
        writer(OutputLine(1, "stdout", b"%d\n" % number))
    pid = os.fork()
    if not pid:
        writer(Notice(Level.WARNING, "checkout", "from a fork"))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert _end(writer)
    assert len(list(log_files.read(tmp_path / "1"))) == 200


def test_numbers_go_on_although_runs_go(tmp_path: Path) -> None:
    for _ in range(4):
        _end(_begin(tmp_path))
    runs.forget_old(tmp_path, 2)
    assert [run.number for run in runs.kept(tmp_path)] == [3, 4]
    _end(_begin(tmp_path))
    assert [run.number for run in runs.kept(tmp_path)] == [3, 4, 5]


def test_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    first = _begin(tmp_path)
    _end(_begin(tmp_path))
    _end(_begin(tmp_path))
    runs.forget_old(tmp_path, 1)
    assert [run.number for run in runs.kept(tmp_path)] == [1, 3]
    _end(first)


def test_the_oldest_of_all_checkouts_go_where_they_are_too_much(tmp_path: Path) -> None:
    for at, name in enumerate(("a", "b", "a", "b")):
        writer = _begin(tmp_path / name)
        writer(OutputLine(1, "stdout", b"x" * 10_000 + b"\n"))
        _end(writer)
        os.utime(tmp_path / name / str(writer.number), (at, at))
    runs.forget_most(tmp_path, 35_000)
    assert [run.number for run in runs.kept(tmp_path / "a")] == [2]
    assert [run.number for run in runs.kept(tmp_path / "b")] == [1, 2]
    runs.forget_most(tmp_path, 0)
    assert [len(runs.kept(tmp_path / name)) for name in ("a", "b")] == [1, 1]


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    begun = replace(_BEGUN, project=Path("/p\udce9"), words=("run", "\udcff"))
    writer = runs.begin(tmp_path, begun, pytest.fail)
    writer(BundlesPublished(Path("/p\udce9/bundles"), ("caf\udce9",), 0))
    writer.error(StepFailedError("\udce9 failed"))
    assert _end(writer, 1)
    (run,) = runs.kept(tmp_path)
    assert run.record is not None
    assert run.record.project == begun.project
    assert run.record.words == begun.words
    assert run.record.outcome is not None
    assert run.record.outcome.error == "\udce9 failed"


def test_a_run_whose_end_cannot_be_written_is_none_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said: list[str] = []
    writer = _begin(tmp_path, said)
    monkeypatch.setattr(record, "replace_content", refuse)
    assert not _end(writer)
    assert said == ["this run is not kept for rbuild log: No space left on device"]
    assert runs.kept(tmp_path) == []


@pytest.mark.parametrize(
    "trouble", [ValueError("no"), PermissionError(errno.EACCES, "no"), UsageError("no")]
)
def test_a_run_ends_though_not_all_of_it_is_known(tmp_path: Path, trouble: Exception) -> None:
    def complete(_: RunRecord) -> RunRecord:
        raise trouble

    said: list[str] = []
    writer = _begin(tmp_path, said)
    known, is_whole = writer.end(complete, "2026-12-01T00:00:02+00:00", 0, 2.0)
    assert not is_whole
    assert said == ["this run is not kept for rbuild log: no"]
    (run,) = runs.kept(tmp_path)
    assert not run.goes_on
    assert run.record == known
    assert known.outcome is not None


def test_runs_that_others_remove_meanwhile_are_no_trouble(tmp_path: Path) -> None:
    for _ in range(2):
        _end(_begin(tmp_path / "a"))
    (tmp_path / "a" / "1" / "log.jsonl").unlink()
    (tmp_path / "a" / "0").symlink_to("removed")
    runs.forget_most(tmp_path, 0)
    assert (tmp_path / "a" / "2").is_dir()


def test_a_full_disk_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said: list[str] = []
    writer = _begin(tmp_path, said)
    monkeypatch.setattr(LogFiles, "write", refuse)
    for _ in range(3):
        writer(StepStarted(1, 1, "run-container", "x"))
    assert not _end(writer)
    assert said == ["this run is not kept for rbuild log: No space left on device"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "damaged"),
        ("{}", "damaged"),
        ("[" * 100_000, "damaged"),
        ("[]", "damaged"),
        ('{"version": 99}', "of a later rbuild (version 99)"),
        ('{"version": 1, "number": "x"}', "damaged"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_left(
    tmp_path: Path, text: str, says: str
) -> None:
    _end(_begin(tmp_path))
    (tmp_path / "1" / record.NAME).write_text(text)
    (run,) = runs.kept(tmp_path)
    assert run.record is None
    assert says in run.problem
    assert (tmp_path / "1" / record.NAME).read_text() == text


def test_a_run_is_named_by_number_or_from_the_last(tmp_path: Path) -> None:
    for _ in range(3):
        _end(_begin(tmp_path))

    def named(name: str) -> int:
        return run_named(tmp_path, name, lambda _: True).number

    assert [named(name) for name in ("", "2", "-1", "-2")] == [3, 2, 2, 1]
    for name in ("4", "-3", "0", "x", "--1", "1.5"):
        with pytest.raises(UsageError) as failed:
            named(name)
        assert "1 to 3" in failed.value.hint


def test_other_files_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert runs.kept(tmp_path) == []
    assert runs.kept(tmp_path / "nothing") == []
    _end(_begin(tmp_path))
    assert [run.number for run in runs.kept(tmp_path)] == [1]
    assert list(log_files.read(tmp_path / "1")) == []


def _plan(*steps: dict[str, object]) -> str:
    return json.dumps({"steps": steps})


def test_what_two_runs_have_not_in_common() -> None:
    one = replace(
        _BEGUN,
        commit="a" * 40,
        facts={"rbuild": "1"},
        plan=_plan({"kind": "build-image", "target": None, "origin": {"line": 1}}),
        steps=(StepRecord(1, "build-image", "build x", 0, 1.0),),
        bundles=(BundleRecord("f", 3, "1" * 64, new=True),),
        outcome=Outcome("", 0, 2.0),
    )
    other = replace(
        one,
        commit="b" * 40,
        plan=_plan({"kind": "build-image", "target": "dev", "origin": {"line": 9}}),
        steps=(StepRecord(1, "build-image", "build x", 0, 3.0, cached=True),),
        bundles=(BundleRecord("f", 3, "2" * 64, new=True),),
        outcome=Outcome("", 1, 2.0),
    )
    found = [
        (each.about, each.name, each.before, each.after) for each in differences.between(one, other)
    ]
    assert found == [
        ("run", "status", "0", "1"),
        ("input", "commit", "a" * 40, "b" * 40),
        ("step", "step 1: target", "", "dev"),
        ("step", "build x: came to", "status 0", "nothing to do"),
        ("time", "build x", "1.0 s", "3.0 s"),
        ("bundle", "f", f"3 B, sha256 {'1' * 12}", f"3 B, sha256 {'2' * 12}"),
    ]
    assert list(differences.between(one, one)) == []


@pytest.mark.parametrize("plan", ["[]", "{}", '{"steps": 1}', '{"steps": ["x"]}', "[" * 100_000])
def test_a_plan_that_is_none_differs_in_nothing(plan: str) -> None:
    odd = replace(_BEGUN, plan=plan)
    assert list(differences.between(odd, odd)) == []
    assert list(differences.between(_BEGUN, odd)) == []
