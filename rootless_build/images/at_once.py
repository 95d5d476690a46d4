"""What image builds of one run share that go on at a time: how many there are, and which wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from rootless_build.process.stops import held

_LEAST: Final = 2
"""Whatever the number of cores: what one RUN fetches, another one needs no network for."""
_MOST: Final = 4
"""Most RUNs use more than one core, and engines take turns at their storage."""
_MEMORY: Final = 1024**3
"""Bytes that a RUN may want: a linker of a large program."""


def usual_jobs() -> int:
    """How many RUNs this host bears at a time: by its cores and its memory."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    by_memory = max(memory // _MEMORY, 1)
    return min(max(cores, _LEAST), _MOST, by_memory)


class AtOnce:
    """Made once a run; builds may use it from several threads. `jobs` is how many of them, and of
    their RUNs, go on at a time.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or usual_jobs()
        self._builds = threading.Semaphore(self.jobs)
        self._room = threading.Semaphore(self.jobs)
        self._locking = threading.Lock()
        self._asking = threading.Lock()
        self._pulling = threading.Lock()
        self._looking = threading.Lock()
        self._alike: dict[Hashable, threading.Lock] = {}

    def build(self) -> AbstractContextManager[None]:
        """A build, when there is room for it, which waits for no other one."""
        return held(self._builds)

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
