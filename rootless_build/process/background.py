"""Work that goes on in a thread of its own, and can be given up."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from rootless_build.process import proc

_ASKED: Final = 10
"""How many times a program gets SIGTERM, each a tenth of a second after the last; then SIGKILL."""


class Background:
    """Work in a thread. It is waited for by an event of its own: a join that a signal interrupts
    takes the thread for ended (Python 3.11).
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._done = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Wait until the work is done; not where a signal struck before it was begun."""
        if self._thread.ident is not None:
            self._done.wait()

    def abandon(self) -> None:
        """Wait until the work is done, and end the programs that it waits for, one after the other.

        Where the kernel does not tell which they are, nothing is stopped.
        """
        attempts = 0
        while not self._done.wait(0.1):
            attempts += 1
            number = signal.SIGTERM if attempts <= _ASKED else signal.SIGKILL
            try:
                pids = proc.children_of_thread(self._thread.native_id or 0)
            except OSError:
                self.wait()
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._done.set()
