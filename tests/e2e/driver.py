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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

DEADLINE = 120.0
"""Seconds after which a run hangs."""


@dataclass(frozen=True)
class Rbuild:
    """`rbuild` in one project with one backend."""

    project: Path
    backend: str
    environment: Mapping[str, str]

    @property
    def bundles(self) -> Path:
        return self.project / "bundles"

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "rootless_build"]

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.argv, *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=DEADLINE,
            check=False,
        )

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen(
            [*self.argv, *words],
            cwd=self.project,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            try:
                yield running
            finally:
                running.kill()

    def on_a_terminal(self, *words: str, typed: str, size: tuple[int, int]) -> tuple[int, str]:
        """The status, and all that the terminal showed; `typed` is typed when a prompt shows."""
        child, screen = pty.fork()
        if child == 0:
            os.chdir(self.project)
            os.execve(sys.executable, [*self.argv, *words], dict(self.environment))
        ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        shown = b""
        sent = False
        while True:
            ready, _, _ = select.select([screen], [], [], DEADLINE)
            if not ready:
                os.kill(child, 9)
                os.waitpid(child, 0)
                raise TimeoutError(shown.decode(errors="replace"))
            try:
                data = os.read(screen, 65536)
            except OSError:
                data = b""
            if not data:
                break
            shown += data
            # A shell may ask for the cursor's place after its prompt.
            if not sent and b" # " in shown.rpartition(b"==> ")[2]:
                os.write(screen, typed.encode())
                sent = True
        os.close(screen)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")

    def leftovers(self) -> list[str]:
        """Containers of this project that are still in the engine's storage."""
        done = self("clean", "--dry-run")
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line != "nothing to remove"]


def events(log: str) -> list[dict[str, object]]:
    """The objects of a JSON log."""
    return [json.loads(line) for line in log.splitlines()]
