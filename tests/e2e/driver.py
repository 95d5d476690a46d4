"""Runs `rbuild` the way a user does: as a program, in a checkout, with storage of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from typing import IO, Self

DEADLINE = 120.0
"""Seconds after which a run hangs."""


@dataclass
class Screen:
    """The other end of a terminal, and all that it has shown."""

    descriptor: int
    shown: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the terminal, as when its window is closed."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def type(self, keys: bytes) -> None:
        os.write(self.descriptor, keys)

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self, wanted: bytes) -> bool:
        """Read until that is shown after the last step's title; False where the program ends."""
        while wanted not in self.shown.rpartition(b"==> ")[2]:
            if not self._read():
                return False
        return True

    def read_all(self) -> None:
        """Read until the program ends."""
        while self._read():
            pass

    def _read(self) -> bytes:
        if not select.select([self.descriptor], [], [], DEADLINE)[0]:
            raise TimeoutError(self.shown.decode(errors="replace"))
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:
            data = b""
        self.shown += data
        return data


class _Shown:
    """A terminal, and what it shows as lines of a pipe."""

    def __init__(self, outer: int, terminal: int, reader: int, writer: int) -> None:
        self.terminal = terminal
        self._outer = outer
        self._reader = reader
        self._writer = writer

    def lines(self) -> IO[bytes]:
        """The pipe; it ends when nobody has the terminal open any more."""
        os.close(self.terminal)
        threading.Thread(target=self._copy, daemon=True).start()
        return os.fdopen(self._reader, "rb")

    def _copy(self) -> None:
        # Without a reader the window is closed, so to say.
        with contextlib.suppress(OSError):
            while data := os.read(self._outer, 65536):
                while data.endswith(b"\r"):
                    data += os.read(self._outer, 1)
                os.write(self._writer, data.replace(b"\r\n", b"\n"))
        os.close(self._writer)
        os.close(self._outer)


@contextlib.contextmanager
def _shown_lines() -> Iterator[_Shown]:
    outer, terminal = pty.openpty()
    yield _Shown(outer, terminal, *os.pipe())


@dataclass(frozen=True)
class Rbuild:
    """`rbuild` in one project with one backend.

    With `terminal` its standard input and output are a terminal, and standard error is a pipe: what
    rbuild says itself is then apart from what the terminal shows.
    """

    project: Path
    backend: str
    environment: Mapping[str, str]
    terminal: bool = False

    @property
    def bundles(self) -> Path:
        return self.project / "bundles"

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "rootless_build"]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.started(*words) as running:
            out, err = running.communicate(timeout=DEADLINE)
        text, said = (data.decode(errors="surrogateescape") for data in (out, err))
        return subprocess.CompletedProcess(words, running.returncode, text, said)

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        with contextlib.ExitStack() as stack:
            shown = stack.enter_context(_shown_lines()) if self.terminal else None
            running = stack.enter_context(
                subprocess.Popen(
                    # As setsid makes a new session when it does not lead a group already.
                    [*(("setsid", "--ctty") if shown else ()), *self.argv, *words],
                    cwd=self.project,
                    env=self.environment,
                    stdin=shown.terminal if shown else subprocess.DEVNULL,
                    stdout=shown.terminal if shown else subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
            )
            if shown is not None:
                running.stdout = stack.enter_context(shown.lines())
            try:
                yield running
            finally:
                running.kill()

    @contextlib.contextmanager
    def on_screen(self, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Screen]]:
        """`rbuild`, started on a terminal of its own, and what a person has of that."""
        master, terminal = pty.openpty()
        with (
            Screen(master) as screen,
            subprocess.Popen(
                # As setsid makes a new session when it does not lead a group already.
                ["setsid", "--ctty", *self.argv, *words],
                cwd=self.project,
                env=self.environment,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
            ) as running,
        ):
            os.close(terminal)
            try:
                yield running, screen
            finally:
                running.kill()

    def on_a_terminal(self, *words: str, typed: str, size: tuple[int, int]) -> tuple[int, str]:
        """The status, and all that the terminal showed; `typed` is typed when a prompt shows."""
        with self.on_screen(*words) as (running, screen):
            screen.resize(*size)
            # A shell may ask for the cursor's place after its prompt.
            if screen.shows(b" # "):
                screen.type(typed.encode())
            screen.read_all()
            running.wait(DEADLINE)
        return running.returncode, screen.shown.decode(errors="replace")

    def leftovers(self) -> list[str]:
        """Containers of this project that are still in the engine's storage."""
        done = self("clean", "--dry-run")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line != "nothing to remove"]


def events(log: str) -> list[dict[str, object]]:
    """The objects of a JSON log."""
    return [json.loads(line) for line in log.splitlines()]
