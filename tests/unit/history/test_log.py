"""What a run said is read again as it was, however long it is and whoever writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.history import lines, log_files
from rootless_build.history.lines import DamagedLineError, KeptError, LeftOut
from rootless_build.history.log_files import LogFiles
from rootless_build.model.errors import BundlesError, StepFailedError
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
)

_EVENTS = (
    BackendChosen("podman", "4.3.1", "first choice"),
    StepStarted(1, 2, "build-image", "build image a ☃"),
    BuildProgress(1, 2, 3, "RUN x", BuildState.CACHED, "stage"),
    BuildProgress(1, 2, 3, "RUN x", BuildState.STARTED),
    OutputLine(1, "stdout", b"a line\n"),
    OutputLine(1, "stderr", b"no newline"),
    OutputLine(1, "stdout", b"\xff\0 not text\r\n"),
    OutputLine(1, "stdout", b"\n"),
    ScreenOutput(2, b"\x1b[31m\xe2"),
    StepFinished(1, 2, "build-image", 0, 1.5, cached=True),
    Notice(Level.DETAIL, "explain", "because: it changed", 1),
    BundlesPublished(Path("/a/b"), ("x", "y/z"), 3),
    BuildFinished(1, 2.5, 0.5, done=False),
    BundlesPublished(Path("/a/\udce9"), ("caf\udce9",), 0),
    Notice(Level.INFO, "recipe", "\udcff ☃"),
)


@pytest.mark.parametrize("event", _EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_the_same_again(event: Event) -> None:
    assert lines.read(lines.of_event(event).rstrip(b"\n")).told == event


@given(st.binary())
def test_output_is_the_same_again_byte_for_byte(data: bytes) -> None:
    event = OutputLine(1, "stdout", data)
    line = lines.of_event(event)
    assert line.count(b"\n") == 1
    assert lines.read(line).told == event


def test_an_error_is_what_the_json_log_has_of_it() -> None:
    failed = StepFailedError("it failed", status=3, hint="look", last_words="the end")
    failed.step, failed.seconds = 2, 1.0
    failed.add_note("the bundles are as they were")
    told = lines.read(lines.of_error(failed)).told
    assert isinstance(told, KeptError)
    assert (told.message, told.hint, told.status, told.step) == ("it failed", "look", 3, 2)
    assert told.notes == ("the bundles are as they were",)
    bad = lines.read(lines.of_error(BundlesError("bad", problems=("one", "two")))).told
    assert isinstance(bad, KeptError)
    assert bad.problems == ("one", "two")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nothing",
        b'{"event":"notice","timestamp":"x"}',
        b'{"event":"of-later","timestamp":"x"}',
        b'{"event":"output","timestamp":"x","step":1,"stream":"stdout","base64":"!"}',
    ],
)
def test_a_damaged_line_is_told_from_others(line: bytes) -> None:
    with pytest.raises(DamagedLineError):
        lines.read(line)


def _numbered(count: int) -> list[bytes]:
    return [lines.of_event(OutputLine(1, "stdout", b"%06d\n" % n)) for n in range(count)]


def test_a_long_log_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    written = _numbered(1000)
    each = len(written[0])
    files = LogFiles(tmp_path, beginning=10 * each, piece=20 * each)
    for line in written:
        files.write(line)
    files.close()
    found = [lines.read(line).told for line in log_files.read(tmp_path)]
    texts = [told.data for told in found if isinstance(told, OutputLine)]
    assert texts[:10] == [b"%06d\n" % n for n in range(10)]
    assert texts[-20:] == [b"%06d\n" % n for n in range(980, 1000)]
    gaps = [told for told in found if isinstance(told, LeftOut)]
    assert found.index(gaps[0]) == 10
    # What is said to be missing is what is missing, but for the lines that say so.
    missing = (1000 - len(texts)) * each
    assert missing <= gaps[0].bytes <= missing + 100 * (1000 // 20)
    assert len(gaps) == 1
    assert log_files.size(tmp_path) < 60 * each


def test_a_log_of_any_length_is_whole_where_nothing_was_cut(tmp_path: Path) -> None:
    written = _numbered(40)
    each = len(written[0])
    files = LogFiles(tmp_path, beginning=10 * each, piece=20 * each)
    for line in written[:40]:
        files.write(line)
    files.close()
    assert [line + b"\n" for line in log_files.read(tmp_path)] == written


def test_a_log_is_followed_through_all_of_its_files(tmp_path: Path) -> None:
    """A line is written whenever the reader has nothing left; none is lost or told twice."""
    written = _numbered(200)
    each = len(written[0])
    files = LogFiles(tmp_path, beginning=10 * each, piece=15 * each)
    left: Iterator[bytes] = iter(written)

    def write_more() -> bool:
        line = next(left, None)
        if line is None:
            return False
        files.write(line)
        return True

    told = [lines.read(line).told for line in log_files.read(tmp_path, write_more)]
    files.close()
    assert told == [OutputLine(1, "stdout", b"%06d\n" % n) for n in range(200)]


def test_half_a_line_is_none(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(b'{"a": 1}\n{"b"')
    assert list(log_files.read(tmp_path)) == [b'{"a": 1}']
