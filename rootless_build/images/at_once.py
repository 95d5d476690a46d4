"""What the image builds of one run share that go on at a time: how many RUNs, and which wait."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from rootless_build.process.stops import held

_MOST_RUNS: Final = 2
"""RUNs that engines do at a time. Most of them use more than one core already."""


class AtOnce:
    """Made once a run; builds may use it from several threads."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(_MOST_RUNS)
        self._locking = threading.Lock()
        self._asking = threading.Lock()
        self._pulling = threading.Lock()
        self._looking = threading.Lock()
        self._alike: dict[Hashable, threading.Lock] = {}

    @contextmanager
    def run(self, what: Hashable) -> Iterator[None]:
        """A RUN, when there is room for it, and nobody else does the same: the engine has it in its
        cache then.
        """
        with self._looking:
            alike = self._alike.setdefault(what, threading.Lock())
        with held(alike), held(self._room):
            yield

    def locking(self) -> AbstractContextManager[None]:
        """RUNs that lock caches, one after the other. In an engine one would wait for the other's
        lock while that waits for its turn to talk: for ever.
        """
        return held(self._locking)

    def pulling(self) -> AbstractContextManager[None]:
        """A name is looked up and its image pulled: for another platform it becomes another's."""
        return held(self._pulling)

    def asking(self) -> AbstractContextManager[None]:
        """An engine is asked what it does: nobody else asks the same meanwhile."""
        return held(self._asking)
