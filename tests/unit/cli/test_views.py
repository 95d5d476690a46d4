"""What a person reads, and what a program reads, of the same run."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from rootless_build.cli.views import tables
from rootless_build.cli.views.json import JsonView
from rootless_build.cli.views.tables import duration
from rootless_build.cli.views.text import Sink, TextView, Verbosity
from rootless_build.model.errors import (
    BundlesError,
    FailedInstruction,
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.model.events import (
    Answer,
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)
from rootless_build.model.text import cut, width

RUN: tuple[Event, ...] = (
    BackendChosen("podman", "4.3.1", "first choice"),
    Notice(Level.DETAIL, "host-setting", "engine.runtime = runc"),
    StepStarted(1, 2, "build-image", "build image dev"),
    BuildProgress(1, 1, 2, "FROM debian", BuildState.STARTED),
    BuildProgress(1, 1, 2, "FROM debian", BuildState.CACHED),
    BuildProgress(1, 2, 2, "RUN make", BuildState.STARTED),
    OutputLine(1, "stdout", b"making\n"),
    BuildProgress(1, 2, 2, "RUN make", BuildState.DONE),
    StepFinished(1, 2, "build-image", 0, 1.5),
    StepStarted(2, 2, "run-container", "run hack/make.sh binary"),
    OutputLine(2, "stdout", b"to stdout \xff\n"),
    OutputLine(2, "stderr", b"to stderr\n"),
    StepFinished(2, 2, "run-container", 0, 65.0),
    Notice(Level.WARNING, "bundles", "x has no checksum"),
    BundlesPublished(
        Path("/src/bundles"), ("1.2.3/binary/d",), 4, (43_200_000,), (None,), 52_428_800, 0
    ),
    BuildFinished(0, 66.6),
)


def text(
    *events: Event, verbosity: Verbosity = Verbosity.NORMAL, columns: int | None = None
) -> tuple[str, str]:
    out, err = io.BytesIO(), io.BytesIO()
    view = TextView(Sink(out, columns), Sink(err, columns), verbosity, color=False)
    for event in events:
        view(event)
    decode = "utf-8", "backslashreplace"
    return out.getvalue().decode(*decode), err.getvalue().decode(*decode)


def test_a_run_as_a_person_sees_it() -> None:
    out, err = text(*RUN)
    assert out == "to stdout \\xff\n"
    assert err.splitlines() == [
        "podman 4.3.1 (first choice)",
        "==> [1/2] build image dev",
        "[1/2] FROM debian (cached)",
        "[2/2] RUN make",
        "making",
        "==> [2/2] run hack/make.sh binary",
        "to stderr",
        "warning: x has no checksum",
        "         1.5 s  [1/2] build image dev",
        "    1 min 05 s  [2/2] run hack/make.sh binary",
        "bundles: 1 new or changed file in /src/bundles, 4 checksums agreed",
        "    41.2 MiB  new          1.2.3/binary/d",
        "    50.0 MiB  in all",
        "done in 1 min 07 s",
    ]


def test_instructions_of_several_stages_are_numbered_as_buildkit_does() -> None:
    _, err = text(BuildProgress(1, 2, 4, "RUN make", BuildState.STARTED, "build"))
    assert err == "[build 2/4] RUN make"


def test_quiet_leaves_containers_output_warnings_and_bundles() -> None:
    out, err = text(*RUN, verbosity=Verbosity.QUIET)
    assert out == "to stdout \\xff\n"
    assert err.splitlines() == [
        "to stderr",
        "warning: x has no checksum",
        "bundles: 1 new or changed file in /src/bundles, 4 checksums agreed",
        "    41.2 MiB  new          1.2.3/binary/d",
        "    50.0 MiB  in all",
    ]


def test_verbose_adds_settings_and_times() -> None:
    _, err = text(*RUN, verbosity=Verbosity.VERBOSE)
    assert "    engine.runtime = runc" in err.splitlines()
    assert "    [1/2] status 0, 1.5 s" in err.splitlines()


def test_a_long_instruction_is_cut_to_the_terminal() -> None:
    long = BuildProgress(1, 1, 1, "RUN " + "x" * 500, BuildState.STARTED)
    _, err = text(long, columns=60)
    assert len(err) < 60


def test_a_container_cannot_drive_the_terminal() -> None:
    out, _ = text(OutputLine(1, "stdout", b"\x1b]0;owned\x07ok\n"), columns=80)
    assert out == "ok\n"


def shown(error: RbuildError) -> list[str]:
    err = io.BytesIO()
    TextView(Sink(io.BytesIO()), Sink(err), Verbosity.NORMAL, color=False).error(error)
    return err.getvalue().decode().splitlines()


def test_an_error_says_what_where_why_and_what_to_do() -> None:
    error = StepFailedError("it broke", status=7, hint="mend it", engine_words="Error: no\nreally")
    error.where = "step 2 of 3: run x (Makefile:9)"
    assert shown(error) == [
        "rbuild: it broke",
        "  at step 2 of 3: run x (Makefile:9)",
        "  | Error: no",
        "  | really",
        "  -> mend it",
    ]


def test_words_that_stand_just_above_an_error_are_not_repeated() -> None:
    err = io.BytesIO()
    view = TextView(Sink(io.BytesIO()), Sink(err), Verbosity.NORMAL, color=False)
    view(OutputLine(1, "stderr", b"Error: no\n"))
    view.error(StepFailedError("it broke", engine_words="Error: no"))
    view.error(StepFailedError("again", engine_words="Error: no\nand more"))
    assert err.getvalue().decode().splitlines() == [
        "Error: no",
        "rbuild: it broke",
        "rbuild: again",
        "  | Error: no",
        "  | and more",
    ]


def failed(**about: object) -> StepFailedError:
    error = StepFailedError("make failed with status 7", status=7, last_words="cc\nno x.h")
    error.where, error.step, error.seconds = "step 2 of 3 (Makefile:9)", 2, 61.0
    error.add_note("the bundles are as they were")
    for name, value in about.items():
        setattr(error, name, value)
    return error


def test_a_failed_command_says_after_how_long_what_it_wrote_and_what_is_kept() -> None:
    assert shown(failed()) == [
        "rbuild: make failed with status 7",
        "  at step 2 of 3 (Makefile:9), after 1 min 01 s",
        "  | cc",
        "  | no x.h",
        "  the bundles are as they were",
    ]


@pytest.mark.parametrize("one_place", [True, False])
def test_what_a_command_wrote_last_is_shown_once(one_place: bool) -> None:
    out, err = io.BytesIO(), io.BytesIO()
    view = TextView(Sink(out), Sink(err), Verbosity.NORMAL, color=False, one_place=one_place)
    view(OutputLine(2, "stdout", b"cc\n"))
    view(OutputLine(2, "stderr", b"no x.h\n"))
    view.error(failed())
    told = [line for line in err.getvalue().decode().splitlines() if line.startswith("  |")]
    assert told == ([] if one_place else ["  | cc"])


def test_a_status_that_is_passed_on_needs_no_words() -> None:
    assert shown(failed(passed_on=True)) == []
    assert shown(failed(passed_on=True, engine_words="no such user"))
    assert shown(failed(passed_on=True, hint="install it"))


def test_a_failed_instruction_is_told_with_its_place_and_status() -> None:
    place = FailedInstruction("RUN make &&     make install", "Dockerfile:12", 2)
    error = ImageBuildError(place, engine_words="cc\nError: building at STEP", last_words="cc")
    assert shown(error) == [
        "rbuild: Dockerfile:12: RUN make && make install failed with status 2",
        "  | cc",
    ]
    assert len(shown(ImageBuildError(FailedInstruction("RUN " + "x" * 900, "D:1")))[0]) < 200


def test_every_bad_bundle_is_named() -> None:
    error = BundlesError("bad bundles", problems=("a: mismatch", "b.md5: no such file"))
    assert shown(error) == ["rbuild: bad bundles", "  a: mismatch", "  b.md5: no such file"]


def test_the_json_log_is_one_object_a_line_for_every_event() -> None:
    log = io.StringIO()
    view = JsonView(log)
    for event in RUN:
        view(event)
    view.error(failed())
    view(Answer("bundle", {"path": Path("/x"), "checksum": Level.INFO, "of": (1, {"a": None})}))
    view.error(ImageBuildError(FailedInstruction("RUN x", "D:1", 9), engine_words="words"))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        "backend-chosen",
        "notice",
        "step-started",
        "build-progress",
        "build-progress",
        "build-progress",
        "output",
        "build-progress",
        "step-finished",
        "step-started",
        "output",
        "output",
        "step-finished",
        "notice",
        "bundles-published",
        "build-finished",
        "error",
        "bundle",
        "error",
    ]
    assert all(list(line)[:2] == ["event", "timestamp"] for line in lines)
    assert lines[4]["state"] == "cached"
    assert lines[10]["line"] == "to stdout \\xff"
    assert lines[14]["files"] == ["1.2.3/binary/d"]
    error = lines[16]
    assert (error["status"], error["step"], error["seconds"], error["exit_code"]) == (7, 2, 61.0, 1)
    assert (error["last_words"], error["notes"]) == ("cc\nno x.h", ["the bundles are as they were"])
    assert {"path": "/x", "checksum": "info", "of": [1, {"a": None}]}.items() <= lines[17].items()
    assert (lines[18]["status"], lines[18]["engine_words"]) == (9, "words")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (185, "3 min 05 s")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_columns_are_those_of_the_terminal() -> None:
    rows = [("漢字", "x"), ("e\u0301", "x"), ("abcd", "x")]
    assert tables.columns(("", ""), rows).splitlines()[1:] == [
        "漢字  x",
        "e\u0301     x",
        "abcd  x",
    ]


@pytest.mark.parametrize(
    "line", ["漢字漢字漢字漢字漢字漢字", "plain text that is too long", "e\u0301" * 40]
)
def test_a_line_is_cut_to_the_columns_that_there_are(line: str) -> None:
    found = cut(line, 11)
    assert width(found) in {10, 11}
    assert found.endswith("…")
    assert cut("漢字", 4) == "漢字"
