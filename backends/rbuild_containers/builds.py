"""Builds that go on at a time: what they leave is removed when none of them is at work.

What is left is known by the process whose build it was: the containers of a build that goes on are
among it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


class Builds:
    """Those of one engine. `end` removes what they left."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._at_work = 0
        self._left = False

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """A build is at work."""
        with self._lock:
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                ends = self._left and not self._at_work
                self._left = self._left and not ends
            if ends:
                self._end()

    def leave(self) -> None:
        """One of them did not end well: it may leave something."""
        with self._lock:
            self._left = True
