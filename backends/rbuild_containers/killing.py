"""The processes of a container whose rbuild was killed, found by what is mounted where they are."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

from rootless_build.backend import proc

_ROUNDS: Final = 20
"""A process can fork while the list is being read."""
_PATIENCE: Final = 5.0


def kill_containing(marker: str, *, mounted_at: str | None = None) -> None:
    """Kill every process that has `marker` in its mount table, and wait until it is gone.

    `mounted_at`: only where it stands in the line of that mount point. (podman's own pause process
    has the root file systems of all containers mounted, elsewhere.)
    """
    for _ in range(_ROUNDS):
        with contextlib.ExitStack() as stack:
            ending = []
            for pid in proc.processes():
                if not _has(pid, marker, mounted_at):
                    continue
                with contextlib.suppress(ProcessLookupError):
                    handle = os.pidfd_open(pid)
                    stack.callback(os.close, handle)
                    # The pid may have been given to another process since.
                    if _has(pid, marker, mounted_at):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                        ending.append(handle)
            if not ending:
                return
            _wait(ending)


def is_mounted(marker: str) -> bool:
    """Whether a process of this user's has `marker` in its mount table."""
    return any(_has(pid, marker, None) for pid in proc.processes())


def _has(pid: int, marker: str, mounted_at: str | None) -> bool:
    # Processes of other users, and those that have ended, can't be read.
    try:
        table = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
    except OSError:
        return False
    if marker not in table:
        return False
    if mounted_at is None:
        return True
    return any(marker in line and line.split(" ")[4] == mounted_at for line in table.splitlines())


def _wait(handles: list[int]) -> None:
    poller = select.poll()
    for handle in handles:
        poller.register(handle, select.POLLIN)
    deadline = time.monotonic() + _PATIENCE
    running = len(handles)
    while running and (left := deadline - time.monotonic()) > 0:
        for handle, _ in poller.poll(left * 1000):
            poller.unregister(handle)
            running -= 1
