"""Other programs: their output as it appears, their end, and what Ctrl-C leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from rootless_build.model.events import Stream
from rootless_build.process import identities, proc, programs


def test_output_arrives_before_the_program_ends(tmp_path: Path) -> None:
    """The program waits for a file that is only made once its first line was seen."""
    go = tmp_path / "go"
    script = f'echo first; while [ ! -e "{go}" ]; do :; done; echo second >&2; exit 3'
    seen: list[tuple[bytes, Stream]] = []

    def on_output(data: bytes, stream: Stream) -> None:
        seen.append((data, stream))
        go.touch()

    assert programs.stream(["sh", "-c", script], on_output) == 3
    assert seen == [(b"first\n", "stdout"), (b"second\n", "stderr")]


def test_a_background_process_that_keeps_the_pipe_is_not_waited_for() -> None:
    seen: list[bytes] = []
    script = "sleep 1000 & echo $!"
    assert programs.stream(["sh", "-c", script], lambda data, _: seen.append(data)) == 0
    os.kill(int(seen[0]), 9)


def test_an_exception_ends_the_program_and_its_children(tmp_path: Path) -> None:
    script = "sleep 1000 & echo $$ $!; wait"
    pids: list[int] = []

    def interrupt(data: bytes, _: Stream) -> None:
        pids.extend(map(int, data.split()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        programs.stream(["sh", "-c", script], interrupt)
    assert len(pids) == 2
    # The signal has been sent to both; a grandchild is nobody's to wait for.
    deadline = time.monotonic() + 30
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return not proc.stat(pid).has_ended
    except OSError:
        return False


def test_a_program_that_ignores_sigterm_is_killed() -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    started = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, process_group=0)
    with started:
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        programs.end(started, grace=0.2)
    assert started.returncode == -9


def test_a_variable_can_be_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN", "yes")
    done = programs.capture(
        ["sh", "-c", 'echo "${TAKEN-gone} $GIVEN"'], environment={"TAKEN": None, "GIVEN": "a b"}
    )
    assert (done.status, done.text) == (0, "gone a b\n")


def test_a_variable_that_this_process_has_no_more_is_not_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    assert programs.capture(["sh", "-c", 'echo "${HOME-gone}"']).text == "gone\n"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(programs.ProgramNotFoundError, match="no-such-program is not installed"):
        programs.capture(["no-such-program"])


def test_a_service_ends_with_its_context(tmp_path: Path) -> None:
    with programs.service(["sh", "-c", "echo up; sleep 1000"], tmp_path / "log") as running:
        assert running.poll() is None
    assert running.poll() is not None


def test_the_end_of_a_process_is_awaited() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as running:
        identities.await_end(running.pid, 0)
        assert running.poll() is None
        assert running.stdin is not None
        running.stdin.close()
        identities.await_end(running.pid, 60)
        assert running.poll() == 0
    identities.await_end(running.pid, 60)


def test_the_tail_keeps_the_end() -> None:
    tail = programs.Tail(limit=5)
    for piece in (b"abc", b"def", b"gh"):
        tail.add(piece)
    assert tail.text == "defgh"


def test_whoever_ends_a_program_need_not_read_what_it_still_writes(tmp_path: Path) -> None:
    """docker's daemon does not stop a container whose output nobody takes (20.10)."""
    written = tmp_path / "written"

    def ask_to_end(pid: int) -> None:
        deadline = time.monotonic() + programs.GRACE / 2
        while not written.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(pid, signal.SIGTERM)

    def refuse(_data: bytes, _stream: str) -> None:
        raise KeyboardInterrupt

    script = f"yes | head -c 1000000; echo > {written}; exec sleep 1000"
    with pytest.raises(KeyboardInterrupt):
        programs.stream(["sh", "-c", script], refuse, ask_to_end=ask_to_end)
    assert written.exists()


def test_a_second_interrupt_while_output_is_read_away_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It comes as the thread that reads starts: the program's pipes are closed at once."""
    broken: list[BaseException | None] = []
    readers: list[threading.Thread] = []
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        readers.append(thread)
        start(thread)
        raise KeyboardInterrupt

    def refuse(_data: bytes, _stream: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        patch.setattr(threading, "excepthook", lambda about: broken.append(about.exc_value))
        with pytest.raises(KeyboardInterrupt):
            programs.stream(["sh", "-c", "yes"], refuse, ask_to_end=lambda pid: os.kill(pid, 15))
        (reader,) = readers
        reader.join(60)
    assert not reader.is_alive()
    assert broken == []
