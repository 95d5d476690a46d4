"""Work in a thread that another one may have to stop, as Ctrl-C stops the main thread.

Only the main thread hears of signals. What another one does is `stoppable`: when it is asked to
stop, whatever waits for a program or for other work in it raises KeyboardInterrupt, once, so that
all is ended and cleaned up on the way out as it would be after Ctrl-C.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

_LOOK: Final = 0.1
"""Seconds between two looks whether to stop."""


class Stop:
    """How one piece of work is asked to stop."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """Ask once; again, and what cleans up is interrupted too."""
        self._asked.set()

    def check(self) -> None:
        """Raise KeyboardInterrupt where it was asked since the last time."""
        if self._asked.is_set():
            self._asked.clear()
            raise KeyboardInterrupt


_here: Final[ContextVar[Stop | None]] = ContextVar("stop", default=None)
"""What holds for the work of this thread."""


@contextmanager
def stoppable(stop: Stop) -> Iterator[None]:
    """The work within is this thread's, and ends when `stop` is asked."""
    token = _here.set(stop)
    try:
        yield
    finally:
        _here.reset(token)


def patience() -> float | None:
    """How long to wait at most before `check` is called again; None: for ever, as the main thread
    may.
    """
    return None if _here.get() is None else _LOOK


def check() -> None:
    """Raise KeyboardInterrupt where this work is to stop."""
    stop = _here.get()
    if stop is not None:
        stop.check()


def wait_for(future: Future[T]) -> T:
    """The result of work that goes on elsewhere. Raises what that raised."""
    while not future.done():
        try:
            return future.result(patience())
        except TimeoutError:
            if not future.done():
                check()
    return future.result()


def acquire(lock: threading.Lock | threading.Semaphore) -> None:
    """Acquire it, for which somebody else may have to release it first."""
    while not lock.acquire(timeout=_LOOK):
        check()


@contextmanager
def held(lock: threading.Lock | threading.Semaphore) -> Iterator[None]:
    """Hold it in this context."""
    acquire(lock)
    try:
        yield
    finally:
        lock.release()
