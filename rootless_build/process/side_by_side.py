"""Work that is done side by side, each piece in a thread of its own; the first failure ends all."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from rootless_build.process import stops
from rootless_build.process.stops import Stop

T = TypeVar("T")


class SideBySide(Generic[T]):
    """Pieces of work that have numbers, and may wait for others of a lower number.

    `failed` is the number of the first one that failed.
    """

    def __init__(self, work: Callable[[int], T]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._futures: dict[int, Future[T]] = {}
        self._stops: list[Stop] = []
        self._threads: list[threading.Thread] = []
        self._ended: SimpleQueue[None] = SimpleQueue()
        self.failed: int | None = None

    def run(self, numbers: Sequence[int]) -> T:
        """Do these; the result of the last one. Raises what the first one raised that failed, when
        all have ended.
        """
        try:
            for number in numbers:
                self._start(number)
            for _ in numbers:
                if self.failed is None:
                    self._wait()
        finally:
            self._end()
        wanted = numbers[-1] if self.failed is None else self.failed
        return self._futures[wanted].result()

    def _wait(self) -> None:
        """Until one more has ended."""
        while True:
            with contextlib.suppress(Empty):
                return self._ended.get(timeout=stops.patience())
            # This may be work within work.
            stops.check()

    def is_done(self, number: int) -> bool:
        """Whether the result is there at once."""
        with self._lock:
            future = self._futures.get(number)
        return future is not None and future.done()

    def result(self, number: int) -> T:
        """The result of a piece, for another one; what was not begun is done here and now."""
        self._begin(number)
        return stops.wait_for(self._futures[number])

    def _start(self, number: int) -> None:
        stop = Stop()

        def work() -> None:
            try:
                with stops.stoppable(stop):
                    self._begin(number)
            finally:
                self._ended.put(None)

        thread = threading.Thread(target=work, name=f"rbuild-{number}", daemon=True)
        # Put down first: Ctrl-C may come at any place.
        self._stops.append(stop)
        self._threads.append(thread)
        thread.start()

    def _begin(self, number: int) -> None:
        """Do a piece that nobody has begun."""
        with self._lock:
            if number in self._futures:
                return
            future = self._futures[number] = Future()
        try:
            made = self._work(number)
        except BaseException as error:  # it is raised where the result is waited for
            with self._lock:
                self.failed = number if self.failed is None else self.failed
            future.set_exception(error)
        else:
            future.set_result(made)

    def _end(self) -> None:
        """Stop those that are left, and wait for them; Ctrl-C meanwhile hurries them."""
        asked = False
        while any(thread.is_alive() for thread in self._threads):
            try:
                if not asked:
                    self._stop()
                    asked = True
                for thread in self._threads:
                    while thread.is_alive():
                        thread.join(stops.patience())
                        stops.check()
            except KeyboardInterrupt:
                asked = False

    def _stop(self) -> None:
        for stop in self._stops:
            stop.ask()
