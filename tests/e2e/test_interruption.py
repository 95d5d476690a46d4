"""However a run is ended from outside: in order, nothing is left, and the bundles are as before."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import termios
from collections.abc import Iterator

import pytest

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.made_bundles import digests
from tests.e2e.remains import remains
from tests.e2e.waiting import at_work

pytestmark = pytest.mark.in_ci("podman", "buildah")

IMAGE_BUILD = ("-f", "Waits", "build")
TWO_STAGES = ("-f", "WaitTwice", "build")


@pytest.mark.parametrize("words", [("wait",), IMAGE_BUILD], ids=["container", "image build"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_and_what_it_started(
    waiting: Rbuild, words: tuple[str, ...], name: str
) -> None:
    assert waiting("binary").returncode == 0
    before = digests(waiting.bundles)
    with at_work(waiting, *words) as running:
        running.send_signal(signal.Signals[name])
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert b"again to kill" in errors
    assert b"interrupted" in errors
    assert digests(waiting.bundles) == before
    assert remains(waiting, interrupted=True) == []


@pytest.mark.parametrize("words", [("stubborn",), IMAGE_BUILD], ids=["container", "image build"])
def test_a_second_interrupt_ends_it_at_once(waiting: Rbuild, words: tuple[str, ...]) -> None:
    with at_work(waiting, *words) as running:
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert b"Traceback" not in errors
    # What could not be cleared away at once is by the next run.
    assert waiting("clean").returncode == 0
    assert remains(waiting) == []


@pytest.mark.parametrize("times", [1, 2])
def test_stages_that_are_built_side_by_side_end_too(waiting: Rbuild, times: int) -> None:
    with at_work(waiting, *TWO_STAGES) as running:
        for _ in range(times):
            running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert b"Traceback" not in errors
    assert times == 1 or waiting("clean").returncode == 0
    assert remains(waiting, interrupted=times == 1) == []


def test_a_service_managers_two_signals_are_one_interruption(waiting: Rbuild) -> None:
    """systemd sends SIGTERM and SIGHUP, a terminal that closes and its shell two SIGHUPs."""
    with at_work(waiting, "stubborn") as running:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
            running.send_signal(number)
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert remains(waiting, interrupted=True) == []


def test_nohup_is_respected(waiting: Rbuild) -> None:
    (waiting.project / "hack/make/wait").write_text("echo waiting; sleep 2; echo x > $DEST/x\n")
    script = 'trap "" HUP; "$@" & p=$!; sleep 1; kill -HUP $p; wait $p'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *waiting.argv, "wait"],
        cwd=waiting.project,
        env=waiting.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (waiting.bundles / "latest/wait/x").exists()


@contextlib.contextmanager
def talking(waiting: Rbuild, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run, once its container, which prints for ever, has begun to."""
    script = waiting.project / "hack/make/wait"
    script.write_text("while :; do echo another line; sleep 0.1; done\n")
    with waiting.started(*options, "wait") as running:
        assert running.stdout is not None
        for line in running.stdout:
            if b"another line" in line:
                break
        yield running


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_that_goes_away_ends_the_run(waiting: Rbuild, form: str) -> None:
    with talking(waiting, "--log-format", form) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        errors = running.stderr.read()
        running.wait(DEADLINE)
    # A terminal that goes away sends SIGHUP.
    hung_up = waiting.terminal and form == "text"
    assert running.returncode == (130 if hung_up else 1), errors
    assert b"Traceback" not in errors
    assert form == "json" or hung_up or b"the output was closed; stopped" in errors
    assert remains(waiting, interrupted=True) == []


def test_all_readers_go_away(waiting: Rbuild) -> None:
    with talking(waiting) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.stderr.close()
        assert running.wait(DEADLINE) == (130 if waiting.terminal else 1)
    assert remains(waiting, interrupted=True) == []


@pytest.mark.parametrize("words", [("plan",), ("--help",), ("bundles",)])
def test_a_list_that_nobody_reads_is_no_error(waiting: Rbuild, words: tuple[str, ...]) -> None:
    waiting.bundles.mkdir()
    for number in range(3000):
        (waiting.bundles / f"a-file-with-a-rather-long-name-{number}").touch()
    done = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *waiting.argv, *words],
        cwd=waiting.project,
        env=waiting.environment,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize("target", ["wait", "shell"])
def test_a_terminal_is_as_it_was_after_a_signal(waiting: Rbuild, target: str) -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with subprocess.Popen(
        [*waiting.argv, target],
        cwd=waiting.project,
        env=waiting.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as running:
        shown = b""
        wanted = b"waiting" if target == "wait" else b"# "
        while wanted not in shown.rpartition(b"==> [")[2]:
            ready, _, _ = select.select([master], [], [], DEADLINE)
            assert ready, shown
            shown += os.read(master, 65536)
        running.send_signal(signal.SIGTERM)
        while running.poll() is None:
            if select.select([master], [], [], 0.1)[0]:
                shown += os.read(master, 65536)
    assert running.returncode == 130, shown
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
    assert remains(waiting, interrupted=True) == []


@pytest.mark.parametrize("target", ["wait", "shell"])
def test_a_terminal_that_is_closed_ends_the_run(waiting: Rbuild, target: str) -> None:
    with waiting.on_screen(target) as (running, screen):
        assert screen.shows(b"waiting" if target == "wait" else b"# ")
        screen.close()
        running.wait(DEADLINE)
    assert remains(waiting, interrupted=True) == []


def test_a_container_that_will_not_end_is_ended(waiting: Rbuild) -> None:
    """`--stop-timeout` of the recipe is for services; whoever interrupts does not wait for it."""
    makefile = waiting.project / "Makefile"
    makefile.write_text(
        makefile.read_text().replace("run --rm -i", "run --rm -i --stop-timeout 3600")
    )
    with at_work(waiting, "stubborn") as running:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert running.returncode == 130
    assert remains(waiting, interrupted=True) == []
