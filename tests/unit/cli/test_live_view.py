"""What a person sees at a terminal while a run goes on, and what is left of it afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rootless_build.cli.views import drawing
from rootless_build.cli.views.board import SOON, Board, Row
from rootless_build.cli.views.choice import view
from rootless_build.cli.views.closing import ClosingView
from rootless_build.cli.views.live_view import LiveView
from rootless_build.cli.views.text import Sink, Verbosity
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import (
    AtWork,
    BuildFinished,
    BuildProgress,
    BuildState,
    Event,
    ImageReady,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.text import width
from tests.unit.cli.pseudo_terminal import Terminal, terminal


class Clock:
    """Tells what time a test says it is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A view on a terminal, and the time it has."""

    def __init__(self, screen: Terminal, *, color: bool, verbosity: Verbosity) -> None:
        self.screen = screen
        self.clock = Clock()
        stream = os.fdopen(os.dup(screen.descriptor), "wb", buffering=0)
        sink = Sink(stream, screen.screen.columns)
        self.view = LiveView(
            sink,
            sink,
            verbosity,
            lambda *given: drawing.lines(*given, color=color),
            color=color,
            expected=lambda title: 60.0 if title == "run make" else None,
            clock=self.clock,
        )
        self._stream = stream

    def tell(self, *events: Event) -> None:
        for event in events:
            self.view(event)

    def close(self) -> None:
        self.view.close()
        self._stream.close()


@contextmanager
def watched(
    columns: int = 80, *, color: bool = False, verbosity: Verbosity = Verbosity.NORMAL
) -> Iterator[Watched]:
    with terminal(columns, 20) as screen:
        made = Watched(screen, color=color, verbosity=verbosity)
        try:
            yield made
        finally:
            made.close()


STEP = StepStarted(1, 2, "build-image", "build image dev")
RUN = StepStarted(2, 2, "run-container", "run make")


def instruction(
    number: int, state: BuildState, text: str = "RUN make", stage: str | None = None
) -> BuildProgress:
    return BuildProgress(1, number, 4, text, state, stage)


def test_the_step_and_the_instruction_stand_below_the_output_and_then_go() -> None:
    with watched() as it:
        it.tell(STEP, instruction(3, BuildState.STARTED), OutputLine(1, "stdout", b"making\n"))
        it.clock.now += 75
        lines = it.screen.shows("1 min 15 s")
        assert lines[:3] == ["==> [1/2] build image dev", "[3/4] RUN make", "making"]
        assert lines[3].startswith("[1/2] build image dev ")
        assert lines[4].startswith("  [3/4] RUN make ")
        assert lines[4].endswith(" 1 min 15 s")
        it.tell(instruction(3, BuildState.DONE), StepFinished(1, 2, "build-image", 0, 75.0))
        assert it.screen.read_all() == lines[:3]


def test_what_it_took_the_last_time_is_told_with_a_bar_until_it_takes_longer() -> None:
    with watched() as it:
        it.tell(RUN)
        it.clock.now += 30
        (line,) = it.screen.shows("30 s of 1 min 00 s")
        assert "━━━━━━━━" in line
        it.clock.now += 60
        (line,) = it.screen.shows("1 min 30 s")
        assert "of" not in line
        assert "━" not in line


def test_what_comes_to_nothing_soon_is_not_shown() -> None:
    board = Board(clock=(clock := Clock()))
    board(STEP)
    assert board.rows() == ()
    clock.now += SOON
    assert [row.head for row in board.rows()] == ["[1/2]"]


def test_instructions_that_were_cached_are_one_line() -> None:
    with watched() as it:
        it.tell(STEP)
        for number in (1, 2, 3):
            it.tell(instruction(number, BuildState.STARTED, f"COPY {number} ."))
            it.tell(instruction(number, BuildState.CACHED, f"COPY {number} ."))
        it.tell(instruction(4, BuildState.STARTED))
        it.screen.shows("[4/4] RUN make")
        it.tell(instruction(4, BuildState.DONE), StepFinished(1, 2, "build-image", 0, 1.0))
        assert it.screen.read_all() == [
            "==> [1/2] build image dev",
            "3 instructions cached",
            "[4/4] RUN make",
        ]


def test_one_that_was_cached_is_told_as_ever() -> None:
    with watched() as it:
        it.tell(STEP, instruction(1, BuildState.STARTED), instruction(1, BuildState.CACHED))
        it.tell(StepFinished(1, 2, "build-image", 0, 1.0))
        assert it.screen.read_all() == ["==> [1/2] build image dev", "[1/4] RUN make (cached)"]


def test_steps_that_were_unchanged_are_one_line() -> None:
    with watched() as it:
        for number in (1, 2, 3):
            it.tell(StepStarted(number, 4, "build-image", f"build {number}"))
            it.tell(ImageReady(number, ("dev",), "ab" * 32))
            it.tell(StepFinished(number, 4, "build-image", 0, 0.1, cached=True))
        it.tell(StepStarted(4, 4, "run-container", "run make"))
        it.tell(OutputLine(4, "stdout", b"made\n"), StepFinished(4, 4, "run-container", 0, 1.0))
        assert it.screen.read_all() == [
            "==> [3/4] 3 steps, from 1 on: unchanged",
            "==> [4/4] run make",
            "made",
        ]


def test_a_step_whose_output_others_write_is_told_before_that() -> None:
    with watched() as it:
        it.tell(StepStarted(1, 2, "build-image", "build"))
        it.tell(StepFinished(1, 2, "build-image", 0, 0.1, cached=True))
        it.tell(StepStarted(2, 2, "docker-command", "docker ps"))
        it.screen.shows("==> [2/2] docker ps")


def test_verbosely_each_is_told() -> None:
    with watched(verbosity=Verbosity.VERBOSE) as it:
        it.tell(STEP, StepFinished(1, 2, "build-image", 0, 0.1, cached=True))
        assert it.screen.read_all() == [
            "==> [1/2] build image dev",
            "    [1/2] unchanged, 0.1 s",
        ]


def test_a_line_that_overwrites_itself_is_shown_as_it_is_now() -> None:
    with watched() as it:
        it.tell(RUN, UnfinishedLine(2, b"10 %\r20 %\r"))
        it.screen.shows("20 %")
        it.tell(UnfinishedLine(2, b"10 %\r20 %\r30 %\r\x1b[2K\x1b]0;title\x07"))
        assert it.screen.shows("30 %")[-1] == "  30 %"
        it.tell(OutputLine(2, "stdout", b"10 %\r20 %\r30 %\rall\n"))
        it.tell(StepFinished(2, 2, "run-container", 0, 1.0))
        assert it.screen.read_all() == ["==> [2/2] run make", "all"]


def test_steps_that_go_on_at_a_time_have_a_line_each_before_their_turn() -> None:
    with watched() as it:
        it.tell(
            AtWork(1, of_steps=2, name="client"),
            StepStarted(1, 2, "build-image", "build client", "client"),
            AtWork(1, 1, 3, "RUN make client"),
            AtWork(2, of_steps=2, name="server"),
            AtWork(2, 2, 3, "RUN make server", "build"),
        )
        lines = it.screen.shows("make server")
        assert [line.rsplit("  ", 1)[0].rstrip() for line in lines] == [
            "[1/2] build client",
            "  [1/3] RUN make client",
            "[2/2] server",
            "  [build 2/3] RUN make server",
        ]
        it.tell(AtWork(2, 2, 3, "RUN make server", "build", ends=True))
        it.tell(AtWork(2, of_steps=2, name="server", ends=True))
        assert len(it.screen.until(lambda lines: not any("server" in line for line in lines))) == 2
        it.tell(StepFinished(1, 2, "build-image", 0, 1.0))


def test_a_container_that_has_the_terminal_has_it_alone() -> None:
    with watched() as it:
        it.tell(RUN)
        it.clock.now += 5
        it.screen.shows("5 s of")
        it.tell(ScreenOutput(2, b""))
        assert it.screen.read_all() == ["==> [2/2] run make"]
        it.tell(ScreenOutput(2, b"prompt# "))
        assert it.screen.read_all() == ["==> [2/2] run make", "prompt#"]
        assert not it.screen.read(0.3)
        it.tell(StepFinished(2, 2, "run-container", 0, 1.0), StepStarted(3, 3, "x", "next"))
        assert it.screen.shows("[3/3] next")[:2] == ["==> [2/2] run make", "prompt#"]
        it.tell(StepFinished(3, 3, "x", 0, 1.0))


def test_so_has_a_command_that_writes_to_it_itself() -> None:
    with watched() as it:
        it.tell(StepStarted(1, 0, "host-command", "make all", terminal=True))
        it.tell(StepStarted(2, 0, "docker-command", "docker ps"))
        it.tell(StepFinished(2, 0, "docker-command", 0, 0.1))
        it.clock.now += 60
        it.screen.read_all()
        assert not it.screen.read(0.3)
        assert it.screen.lines == ["==> [1] make all", "==> [2] docker ps"]


def test_ctrl_c_is_answered_and_an_error_takes_the_lines_away() -> None:
    with watched() as it:
        it.tell(RUN, OutputLine(2, "stdout", b"making\n"))
        it.screen.until(lambda lines: len(lines) == 3)
        it.view.stopping()
        it.screen.shows("stopping …, again to kill")
        it.view.error(StepFailedError("make was interrupted", status=130))
        assert it.screen.read_all() == [
            "==> [2/2] run make",
            "making",
            "stopping …, again to kill",
            "rbuild: make was interrupted",
        ]


def test_whatever_ends_it_the_lines_are_gone() -> None:
    with watched() as it:
        it.tell(RUN, OutputLine(2, "stdout", b"no newline"))
        it.screen.until(lambda lines: len(lines) == 3)
        it.view.close()
        assert it.screen.read_all() == ["==> [2/2] run make", "no newline"]
        assert (it.screen.screen.cursor.y, it.screen.screen.cursor.x) == (2, 0)


def test_a_run_tells_its_end_below_all_that_was_shown() -> None:
    with watched() as it:
        it.tell(RUN, OutputLine(2, "stdout", b"made\n"), StepFinished(2, 2, "x", 0, 9.0))
        it.tell(BuildFinished(0, 9.5))
        assert it.screen.read_all()[:2] == ["==> [2/2] run make", "made"]
        assert it.screen.lines[-1] == "done in 9.5 s"


@pytest.mark.parametrize("columns", [10, 40, 60, 100])
@pytest.mark.parametrize("color", [True, False])
def test_no_line_is_as_wide_as_the_terminal(columns: int, color: bool) -> None:
    rows = (
        Row(
            "[1/2]",
            "build 漢字漢字漢字漢字 " + "x" * 200,
            "1 min 05 s of 3 min 00 s",
            0.3,
            is_step=True,
        ),
        Row("[build 3/4]", "RUN " + "y" * 200, "12 s"),
        Row("", "\x1b[31mred " + "z" * 200),
    )
    made = drawing.lines(rows, columns, 10, color=color)
    assert len(made) == 3
    with terminal(columns, 10) as screen:
        os.write(screen.descriptor, "\n".join(made).encode())
        assert len(screen.read_all()) == 3
        assert all(width(line) < columns for line in screen.lines)
    assert color == any("\x1b" in line for line in made)
    if columns >= 60:
        assert "3 min 00 s" in made[0]


def test_more_lines_than_there_is_room_for_are_counted() -> None:
    made = drawing.lines([Row(f"[{n}/9]") for n in range(1, 10)], 40, 4, color=False)
    assert [line.split()[0] for line in made] == ["[1/9]", "[2/9]", "[3/9]", "…"]
    assert "6 more" in made[3]


def _chosen(monkeypatch: pytest.MonkeyPatch, screen: Terminal, *, out: int, **given: str) -> bool:
    """Whether the view is live, with standard error on a terminal."""
    for name in ("CI", "BUILDKIT_PROGRESS", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TERM", "BUILDKIT_PROGRESS", "CI"):
        if name in given:
            monkeypatch.setenv(name, given[name])
    saved = os.dup(1), os.dup(2)
    os.dup2(out, 1)
    os.dup2(screen.descriptor, 2)
    try:
        with open(1, "w", closefd=False) as one, open(2, "w", closefd=False) as two:
            monkeypatch.setattr(sys, "stdout", one)
            monkeypatch.setattr(sys, "stderr", two)
            made = view("text", "auto", verbose=False, quiet=False, progress=given.get("progress"))
            monkeypatch.undo()
    finally:
        for descriptor, number in zip(saved, (1, 2), strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
    assert isinstance(made, ClosingView)
    return isinstance(vars(made)["_view"], LiveView)


@pytest.mark.parametrize(
    ("given", "live"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm", "progress": "plain"}, False),
        ({"TERM": "xterm", "BUILDKIT_PROGRESS": "plain"}, False),
        ({"TERM": "dumb", "progress": "tty"}, True),
        ({"TERM": "xterm", "BUILDKIT_PROGRESS": "plain", "progress": "auto"}, True),
        ({"TERM": "xterm", "progress": "quiet"}, False),
    ],
)
def test_which_terminals_have_it(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], live: bool
) -> None:
    with terminal() as screen:
        assert _chosen(monkeypatch, screen, out=screen.descriptor, **given) is live


def test_who_reads_standard_output_may_show_it_on_the_same_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    with terminal() as screen, (tmp_path / "log").open("w") as log:
        assert not _chosen(monkeypatch, screen, out=writer, TERM="xterm")
        assert _chosen(monkeypatch, screen, out=log.fileno(), TERM="xterm")
    os.close(reader)
    os.close(writer)


_NOTHING_CHANGED = """
import os, sys
from rootless_build.cli.views.choice import view
from rootless_build.model.events import StepStarted, StepFinished, BuildFinished
shown = view("text", "auto", verbose=False, quiet=False, progress="tty")
for number in (1, 2):
    shown(StepStarted(number, 2, "build-image", "build"))
    shown(StepFinished(number, 2, "build-image", 0, 0.01, cached=True))
shown(BuildFinished(0, 0.1, 2.5, False))
shown.close()
print("rich" in {name.partition(".")[0] for name in sys.modules}, file=sys.stdout)
"""


def test_a_run_that_has_nothing_to_do_does_not_import_what_draws(tmp_path: Path) -> None:
    with terminal() as screen:
        run = subprocess.run(
            (sys.executable, "-c", _NOTHING_CHANGED),
            stdout=subprocess.PIPE,
            stderr=screen.descriptor,
            text=True,
            check=True,
        )
        assert run.stdout == "False\n"
        assert screen.read_all() == [
            "==> [2/2] 2 steps, from 1 on: unchanged",
            "nothing changed, checked in 0.1 s, 2.5 s saved",
        ]
