"""How a container ends: its status, and whose words come with it."""

from __future__ import annotations

import random
import signal

import pytest

from rootless_build.backend.api import Exit
from rootless_build.model.plan import RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import (
    Driver,
    Run,
    Screen,
    kill_once_running,
    run_on_terminal,
    sh,
    shell,
)
from rootless_build.testing.recorder import Recorder


@pytest.mark.parametrize("status", [0, 1, 7, 125, 126, 127, 128, 137, 143, 255])
def test_the_commands_own_status_with_no_words_of_the_engine(run: Run, status: int) -> None:
    ran = run(shell(f"echo out; echo err >&2; exit {status}"), check=False)
    assert ran.exit == Exit(status)
    assert (ran.stdout, ran.stderr) == (b"out\n", b"err\n")


@pytest.mark.parametrize("command", ["no-such-command", "/no/such/command", "./relative"])
def test_a_command_that_is_not_there(run: Run, command: str) -> None:
    ran = run(RunContainer(BASE, (command, "word")), check=False)
    assert ran.exit.status == 127
    assert command in ran.exit.engine_words
    assert ran.recorder.lines == []


def tells_of(words: str, command: str) -> bool:
    """Whether the engine says what could not be started, as far as it does: crun 1.14 (Ubuntu
    24.04) has no name for what can't be executed.
    """
    return command in words or "open executable: " in words


@pytest.mark.parametrize("command", ["/etc/passwd", "/etc"])
def test_a_command_that_cannot_be_executed(run: Run, command: str) -> None:
    ran = run(RunContainer(BASE, (command,)), check=False)
    assert ran.exit.status == 126
    assert tells_of(ran.exit.engine_words, command)
    assert ran.recorder.lines == []


@pytest.mark.parametrize("status", [125, 126, 127, 137])
def test_a_scripts_own_status_on_a_terminal_is_no_failure_to_start(
    driver: Driver, screen: Screen, status: int
) -> None:
    assert run_on_terminal(driver, screen, sh(f"exit {status}")) == (status, "")


@pytest.mark.parametrize(
    ("command", "status"), [("no-such-command", 127), ("/etc/passwd", 126), ("/etc", 126)]
)
def test_a_command_that_cannot_be_started_on_a_terminal_is_told_in_the_engines_words(
    driver: Driver, screen: Screen, command: str, status: int
) -> None:
    ended, words = run_on_terminal(driver, screen, (command,))
    assert ended == status
    assert tells_of(words, command)


def test_an_unknown_user_is_the_engines_failure(run: Run) -> None:
    ran = run(RunContainer(BASE, ("true",), user="nobody-knows"), check=False)
    assert ran.exit.status == 125
    assert "nobody-knows" in ran.exit.engine_words


def test_a_signal_that_ends_a_child_becomes_128_and_its_number(run: Run) -> None:
    for number in (signal.SIGKILL, signal.SIGTERM):
        script = f"sh -c 'kill -{number.value} $$'; exit $?"
        assert run(shell(script), check=False).exit == Exit(128 + number)


def test_a_container_killed_from_outside(run: Run) -> None:
    seconds = str(random.randrange(10**6, 10**9))
    recorder = Recorder(lambda _: kill_once_running(signal.SIGKILL, "/bin/sleep", seconds))
    step = RunContainer(BASE, sh(f"echo ready; exec /bin/sleep {seconds}"))
    assert run(step, recorder=recorder, check=False).exit == Exit(137)
    assert recorder.stdout == b"ready\n"
