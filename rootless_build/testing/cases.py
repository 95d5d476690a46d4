"""The vocabulary of the contract's cases."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import pytest
from msgspec import Struct

from rootless_build.backend.api import Exit, Image, Stdio
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage, Plan, RunContainer, to_json
from rootless_build.process import proc
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder

PATIENCE: Final = 120.0
"""Seconds after which something that is waited for is taken to hang."""
SCRIPT: Final = Path(__file__).with_name("driver.py")


class Ran(Struct, frozen=True):
    """A container that has ended."""

    exit: Exit
    recorder: Recorder

    @property
    def stdout(self) -> bytes:
        return self.recorder.stdout

    @property
    def stderr(self) -> bytes:
        return self.recorder.stderr

    @property
    def text(self) -> str:
        """Standard output without the last newline."""
        return self.stdout.decode().removesuffix("\n")


class Run(Protocol):
    """Runs a step to its end; without `check` it may end with any status."""

    def __call__(
        self,
        step: RunContainer,
        image: Image | None = None,
        *,
        recorder: Recorder | None = None,
        check: bool = True,
    ) -> Ran: ...


class Build(Protocol):
    """Builds an image."""

    def __call__(self, step: BuildImage, recorder: Recorder | None = None) -> Image: ...


def sh(script: str, *words: str) -> tuple[str, ...]:
    """A command of busybox's shell; `words` are its $1, $2…"""
    return ("sh", "-c", script, "sh", *words) if words else ("sh", "-c", script)


def shell(script: str) -> RunContainer:
    """A container of BASE that runs a script and needs nothing else."""
    return RunContainer(BASE, sh(script))


@contextmanager
def where_supported(flag: str) -> Iterator[None]:
    """What is tested works, or the backend can't do it and says so, by `flag`, with a way out.

    What it can't do besides is no answer: with `--partial` that is skipped, else it is a failure.
    """
    try:
        yield
    except UnsupportedError as error:
        if flag not in error.message or not error.hint:
            raise


def until(wanted: Callable[[], bool], what: str) -> None:
    """Wait for something that is known to come. Fails after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while not wanted():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.02)


def processes(*argv: str) -> list[int]:
    """This host's processes with exactly that command line: an engine's client has another."""
    wanted = tuple(map(os.fsencode, argv))
    found = []
    for process in proc.processes():
        with contextlib.suppress(OSError):  # it has ended
            if proc.command_line(process) == wanted:
                found.append(process)
    return found


def kill_once_running(number: int, *argv: str) -> None:
    """Send a signal to the one process with that command line, once it is there."""
    until(lambda: bool(processes(*argv)), f"the process {' '.join(argv)}")
    for pid in processes(*argv):
        os.kill(pid, number)


class Driver:
    """Does steps with the engine under test, each in a process of its own, as `rbuild` is one."""

    def __init__(self, backend: str, environment: Mapping[str, str], directory: Path) -> None:
        self._backend = backend
        self._environment = environment
        self._plan = directory / "plan.json"
        self._started: list[subprocess.Popen[bytes]] = []

    def argv(self, step: RunContainer | BuildImage, stdio: Stdio) -> list[str]:
        """The command that does the step."""
        self._plan.write_text(to_json(Plan(self._plan.parent, (step,))))
        return [sys.executable, str(SCRIPT), self._backend, str(stdio), str(self._plan)]

    def start(
        self,
        step: RunContainer | BuildImage,
        stdio: Stdio = Stdio.CLOSED,
        environment: Mapping[str, str] | None = None,
        terminal: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a step's process, with pipes, or with `terminal` as its controlling terminal."""
        argv = self.argv(step, stdio)
        if terminal is not None:
            argv = ["setsid", "--ctty", *argv]
        stream = subprocess.PIPE if terminal is None else terminal
        process = subprocess.Popen(
            argv,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            env={**self._environment, **(environment or {})},
            # As setsid makes a new session when it does not lead a group already.
            process_group=0 if terminal is None else None,
        )
        self._started.append(process)
        return process

    def finish(
        self,
        step: RunContainer | BuildImage,
        stdio: Stdio = Stdio.CLOSED,
        *,
        given: bytes = b"",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Do a step to its end; `given` is the standard input of its process."""
        process = self.start(step, stdio, environment)
        stdout, stderr = process.communicate(given, timeout=PATIENCE)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def close(self) -> None:
        """End the processes that still run."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


class Screen:
    """The other side of a terminal: what a person sees, types and resizes."""

    def __init__(self) -> None:
        self._master, self.terminal = pty.openpty()
        self.shown = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def read_until(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until what the pattern finds is on the screen."""
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.shown)) is None:
            if not select.select([self._master], [], [], max(deadline - time.monotonic(), 0))[0]:
                pytest.fail(f"{pattern!r} was never shown: {self.shown!r}")
            self.shown += os.read(self._master, 65536)
        return found

    def close(self) -> None:
        os.close(self._master)
        os.close(self.terminal)


def run_on_terminal(
    driver: Driver, screen: Screen, command: tuple[str, ...], **environment: str
) -> tuple[int, str]:
    """Run a command in a container on a terminal; its status, and the engine's words about it."""
    step = RunContainer(BASE, command, interactive=True, tty=True)
    asked = {"RBUILD_TEST_SHOWS_WORDS": "1", **environment}
    running = driver.start(step, Stdio.TERMINAL, asked, terminal=screen.terminal)
    words = screen.read_until(rb"(?s)engine: (.*)\r?\n")[1]
    return running.wait(PATIENCE), words.decode().strip()
