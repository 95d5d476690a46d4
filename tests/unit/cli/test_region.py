"""Lines below the output of a terminal: what is on the screen while they change, and afterwards."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rootless_build.cli.views.region import PERIOD, Region, ScrollingStream
from tests.unit.cli.pseudo_terminal import DEADLINE, Terminal, terminal


class Drawn:
    """What a region draws, which a test changes."""

    def __init__(self, *lines: str) -> None:
        self.lines: Sequence[str] = lines
        self.count = 0
        self.sizes: set[tuple[int, int]] = set()

    def __call__(self, columns: int, rows: int) -> Sequence[str]:
        self.count += 1
        self.sizes.add((columns, rows))
        return self.lines


@pytest.fixture
def screen() -> Iterator[Terminal]:
    with terminal(40, 10) as made:
        yield made


def test_the_lines_stand_below_the_output_which_scrolls(screen: Terminal) -> None:
    region = Region(screen.descriptor, Drawn("one", "two"))
    region.begin()
    for number in range(30):
        region.write(b"output %d\n" % number)
    screen.until(lambda lines: lines[-3:] == ["output 29", "one", "two"])
    region.write(b"last\n")
    region.end()
    assert screen.read_all()[-2:] == ["output 29", "last"]
    assert screen.scrolled == [*(f"output {number}" for number in range(30)), "last"]


def test_the_cursor_stands_where_the_output_ends(screen: Terminal) -> None:
    region = Region(screen.descriptor, Drawn("one", "two", "three"))
    region.begin()
    region.write(b"output\n")
    screen.until(lambda lines: lines == ["output", "one", "two", "three"])
    assert (screen.screen.cursor.y, screen.screen.cursor.x) == (1, 0)
    assert not screen.screen.cursor.hidden
    region.end()
    screen.read_all()
    assert screen.lines == ["output"]
    assert (screen.screen.cursor.y, screen.screen.cursor.x) == (1, 0)


def test_where_the_lines_can_not_be_made_all_the_rest_is_written(screen: Terminal) -> None:
    def draw(_columns: int, _rows: int) -> Sequence[str]:
        raise LookupError("of a library")

    region = Region(screen.descriptor, draw)
    region.begin()
    screen.shows("rbuild: what goes on is not shown liv")
    region.write(b"output\n")
    screen.shows("output")
    region.end()
    screen.read_all()
    said = "".join(screen.scrolled)
    assert said.count("not shown live any more (LookupError)") == 1


def test_other_lines_take_the_place_of_those_before(screen: Terminal) -> None:
    drawn = Drawn("first", "second")
    region = Region(screen.descriptor, drawn)
    region.begin()
    screen.shows("second")
    drawn.lines = ["third"]
    assert screen.shows("third") == ["third"]
    drawn.lines = []
    assert screen.until(lambda lines: not lines) == []
    region.end()


def test_a_window_that_gets_smaller_or_larger_is_drawn_anew(screen: Terminal) -> None:
    drawn = Drawn("x" * 39)
    region = Region(screen.descriptor, drawn)
    region.begin()
    screen.shows("x" * 39)
    screen.resize(20, 5)
    drawn.lines = ["y" * 60]
    # A line that is too wide is cut, and takes no other row.
    assert screen.shows("y") == ["y" * 20]
    assert (20, 5) in drawn.sizes
    region.end()
    assert screen.read_all() == []


def test_a_signal_is_answered_before_what_waits(screen: Terminal) -> None:
    region = Region(screen.descriptor, Drawn("one"))
    region.begin()
    region.write(b"output\n")
    screen.until(lambda lines: lines == ["output", "one"])
    region.write_now(b"stopping\n")
    screen.until(lambda lines: lines == ["output", "stopping", "one"])
    region.end()


def test_nothing_is_drawn_while_it_is_paused(screen: Terminal) -> None:
    region = Region(screen.descriptor, Drawn("one"))
    region.begin()
    region.write(b"output\n")
    screen.until(lambda lines: lines == ["output", "one"])
    with region.paused():
        assert screen.read_all() == ["output"]
        before = screen.written
        assert not screen.read(3 * PERIOD)
        assert screen.written == before
    screen.shows("one")
    region.end()


def test_what_is_drawn_waits_for_its_time(screen: Terminal) -> None:
    drawn = Drawn("one")
    region = Region(screen.descriptor, drawn, lambda: 5.0)
    region.begin()
    screen.shows("one")
    # No time passes: what is written comes, the lines do not.
    region.write(b"output\n")
    region.end()
    assert screen.read_all() == ["output"]
    assert drawn.count == 1


def test_much_output_comes_whole_and_is_not_drawn_more_often(screen: Terminal) -> None:
    drawn, count = Drawn("one"), 20_000
    region = Region(screen.descriptor, drawn)

    def read() -> None:
        while screen.written.count(b"\n") < count:
            screen.receive(1.0)

    reader = threading.Thread(target=read)
    reader.start()
    began = time.monotonic()
    region.begin()
    for number in range(count):
        region.write(b"line %d\n" % number)
    region.end()
    reader.join()
    numbers = re.findall(rb"line (\d+)\r\n", screen.written)
    assert numbers == [b"%d" % number for number in range(count)]
    assert drawn.count <= (time.monotonic() - began) / PERIOD + 1


def test_all_comes_on_a_terminal_that_somebody_has_made_not_to_wait(screen: Terminal) -> None:
    count = 3000
    os.set_blocking(screen.descriptor, False)
    region = Region(screen.descriptor, Drawn("one"))
    region.begin()
    for number in range(count):
        region.write(b"line %d\n" % number)

    def read() -> None:
        while screen.written.count(b"line ") < count and screen.receive(DEADLINE):
            pass

    reader = threading.Thread(target=read)
    reader.start()
    region.end()
    reader.join()
    assert screen.written.count(b"line ") == count


def test_before_its_beginning_and_after_its_end_all_is_written_at_once(screen: Terminal) -> None:
    region = Region(screen.descriptor, Drawn("one"))
    stream = ScrollingStream(region, screen.descriptor)
    stream.write(b"prompt: ")
    assert screen.read_all() == ["prompt:"]
    stream.write(b"\n")
    region.begin()
    screen.shows("one")
    stream.write(b"half a ")
    stream.write(b"line\nand")
    screen.shows("half a line")
    region.end()
    stream.write(b" more\n")
    assert screen.read_all() == ["prompt:", "half a line", "and more"]


def test_a_terminal_that_is_gone_is_an_error_of_who_writes() -> None:
    with terminal() as made:
        region = Region(made.descriptor, Drawn())
        region.begin()
        region.write(b"x\n")
        made.shows("x")
        os.close(made.descriptor)
        region.write(b"y\n")
        with pytest.raises(OSError, match="Bad file descriptor"):
            region.end()
        made.descriptor = -1


_STOPPED = textwrap.dedent(
    """\
    import sys
    from rootless_build.cli.views.region import Region, stopping_in_order
    region = Region(1, lambda columns, rows: ["the", "lines"])
    region.begin()
    with stopping_in_order(region):
        region.write(b"output\\n")
        sys.stdin.readline()
    region.end()
    print("over")
    """
)


def test_ctrl_z_takes_the_lines_away_and_fg_brings_them_back(
    screen: Terminal, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(_STOPPED)
    shell = ["setsid", "--ctty", "bash", "--norc", "-i"]
    ends = screen.descriptor
    environment = {**os.environ, "PS1": "$ ", "TERM": "xterm"}
    with subprocess.Popen(shell, stdin=ends, stdout=ends, stderr=ends, env=environment) as running:
        try:
            screen.shows("$")
            screen.type(shlex.join([sys.executable, str(script)]).encode() + b"\n")
            screen.until(lambda lines: lines[-3:] == ["output", "the", "lines"])
            screen.type(b"\x1a")
            shown = screen.shows("Stopped")
            assert "output" in shown
            assert "lines" not in shown
            screen.type(b"fg\n")
            screen.until(lambda lines: lines[-2:] == ["the", "lines"])
            screen.type(b"\n")
            assert not {"the", "lines"} & set(screen.shows("over"))
            screen.type(b"exit\n")
            screen.read_to_end()
            assert running.wait() == 0
        finally:
            running.kill()
