"""The processes of a container whose rbuild was killed.

Each has a mount of the bundle directory that buildah made for it (`/run/.containerenv`), whatever
it changed about itself, until buildah unmounts that: which it does not do when it is killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_ROUNDS: Final = 20
"""A process can fork while the list is being read."""
_PATIENCE: Final = 5.0


def kill_marked(marker: str) -> None:
    """Kill every process that has `marker` in its mount table, and wait until it is gone."""
    for _ in range(_ROUNDS):
        with contextlib.ExitStack() as stack:
            ending = []
            for pid in _marked(marker):
                with contextlib.suppress(ProcessLookupError):
                    handle = os.pidfd_open(pid)
                    stack.callback(os.close, handle)
                    # The pid may have been given to another process since.
                    if marker in _mounts(pid):
                        signal.pidfd_send_signal(handle, signal.SIGKILL)
                        ending.append(handle)
            if not ending:
                return
            _wait(ending)


def _marked(marker: str) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and marker in _mounts(int(entry.name)):
            yield int(entry.name)


def _mounts(pid: int) -> str:
    # Processes of other users, and those that have ended, can't be read.
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
    except OSError:
        return ""


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
