"""Kept runs as a person sees them."""

from __future__ import annotations

from pathlib import Path

from rootless_build.cli.views.closing import MaskedView
from rootless_build.cli.views.escapes import for_terminal
from rootless_build.cli.views.kept_log import Screen
from rootless_build.cli.views.kept_runs import row, table
from rootless_build.history.record import RunRecord, StepRecord
from rootless_build.history.runs import KeptRun
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
)
from rootless_build.model.structs import replace
from rootless_build.runner.masking import Mask

_BEGUN = RunRecord(1, 1, "rbuild", Path("/p"), "2026-12-01T00:00:00+00:00")


def test_one_long_command_does_not_make_every_row_long(tmp_path: Path) -> None:
    words = ("exec", "--", "sh", "-c", "docker build . ;" * 20)
    long = KeptRun(tmp_path / "1", RunRecord(1, 1, "", Path("/p"), _BEGUN.started, words=words))
    _, shown, other = table([long, KeptRun(tmp_path / "2", _BEGUN)]).splitlines()
    assert "rbuild exec -- sh -c" in shown
    assert max(len(shown), len(other)) < 120
    assert str(row(long)["command"]).count("docker build") == 20


def test_what_cannot_be_read_is_named_in_its_row(tmp_path: Path) -> None:
    problem = "damaged: " + "x" * 60
    odd = KeptRun(tmp_path / "2", RunRecord(1, 2, "rbuild", Path("/p"), "no time"))
    rows = table([KeptRun(tmp_path / "1", None, problem), odd, KeptRun(tmp_path / "3", _BEGUN)])
    _, damaged, other, last = rows.splitlines()
    assert damaged.endswith(problem)
    assert "no time" in other
    assert len(last) < 80


def test_rows_fit_a_terminal(tmp_path: Path) -> None:
    why = StepRecord(1, "build-image", "x", why="the context changed (a/file)")
    run = replace(_BEGUN, words=("binary", "cross"), backend="podman 4.3.1", steps=(why,))
    kept = [KeptRun(tmp_path / "1", run), KeptRun(tmp_path / "2", _BEGUN)]
    assert len(table(kept).splitlines()) == len(table(kept, 200).splitlines()) == 3
    narrow = table(kept, 90).splitlines()
    assert len(narrow) == 4
    assert narrow[2] == "     the context changed (a/file)"
    assert "podman" in narrow[1]
    narrower = table(kept, 70).splitlines()
    assert narrower[1].endswith("rbuild binary cross")
    assert max(map(len, narrower)) <= 70
    assert max(map(len, table(kept, 60).splitlines())) <= 60


class Noting:
    """A view, or another reader, that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.told.append(event)

    def error(self, error: RbuildError) -> None:
        raise error

    def stopping(self) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


def test_what_a_view_has_a_shorter_word_for_is_kept_in_full() -> None:
    """The settings of the host, at a second -v."""
    view, keeper = Noting(), Noting()
    mask = Mask(("open-sesame",))
    masked = MaskedView(view, lambda: mask)
    masked.also(keeper)
    masked.keep(Notice(Level.DETAIL, "host-setting", "TMPDIR = /tmp/open-sesame"))
    masked(Notice(Level.DETAIL, "host-settings", "12 settings as before"))
    assert [notice.text for notice in view.told if isinstance(notice, Notice)] == [
        "12 settings as before"
    ]
    kept = [notice.text for notice in keeper.told if isinstance(notice, Notice)]
    assert kept == ["TMPDIR = /tmp/***", "12 settings as before"]


def test_what_a_container_asked_a_terminal_is_not_asked_again() -> None:
    screen = Screen()
    said: list[Event] = [
        ScreenOutput(2, b"\x1b[6nA\x1b[1mbo"),
        ScreenOutput(2, b"ld\x1b[0m\x1b]0;x"),
        ScreenOutput(2, b"\x07\x1b[c\r\n$ "),
        StepFinished(2, 2, "run-container", 0, 1.0),
    ]
    again = [each for event in said for each in screen.lines(event)]
    assert again[-1] == said[-1]
    lines = [for_terminal(each.data) for each in again if isinstance(each, OutputLine)]
    assert lines == ["A\x1b[1mbold\x1b[0m\x1b[0m", "$ "]
    assert len(again) == 3
    assert list(screen.end()) == []
