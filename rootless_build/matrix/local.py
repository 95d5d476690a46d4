"""The executor `local`: cells are processes on this machine.

As many at a time as are wanted, as far as memory and cores that cells ask for suffice; one that
asks for more than there is gets the machine for itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from msgspec import Struct

from rootless_build.matrix.placement import Needs, Options
from rootless_build.model import platforms
from rootless_build.model.errors import UsageError
from rootless_build.model.text import shown
from rootless_build.process import stops

T = TypeVar("T")
P = ParamSpec("P")
_JOBS: Final = "jobs"


class _Work(Struct):
    run: Callable[[], None]
    needs: Needs
    future: Future[object]


class _Pool:
    """The machine: what waits, and what goes on in threads, each of which waits for a process."""

    def __init__(self, jobs: int, memory: int, cores: int) -> None:
        self._lock = threading.Lock()
        self._jobs, self._memory, self._cores = jobs, memory, cores
        self._waiting: deque[_Work] = deque()
        self._working: dict[threading.Thread, tuple[Needs, stops.Stop]] = {}
        self._closed = False

    def add(self, work: _Work) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor was shut down")
            self._waiting.append(work)
        self._fill()

    def _fill(self) -> None:
        """Begin what there is room for, in order."""
        with self._lock:
            while self._waiting and self._has_room(self._waiting[0].needs):
                work, stop = self._waiting.popleft(), stops.Stop()
                thread = threading.Thread(
                    target=self._do, args=(work, stop), name="rbuild-cell", daemon=True
                )
                self._working[thread] = (work.needs, stop)
                thread.start()

    def _has_room(self, needs: Needs) -> bool:
        taken = [each for each, _ in self._working.values()]
        if not taken:
            return True
        memory = needs.memory + sum(each.memory for each in taken)
        cores = needs.cores + sum(each.cores for each in taken)
        return len(taken) < self._jobs and memory <= self._memory and cores <= self._cores

    def _do(self, work: _Work, stop: stops.Stop) -> None:
        try:
            with stops.stoppable(stop):
                work.run()
        finally:
            with self._lock:
                self._working.pop(threading.current_thread(), None)
            self._fill()

    def close(self) -> None:
        """Begin nothing more, and stop what goes on, as Ctrl-C would; again hurries."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            working = dict(self._working)
        for work in waiting:
            work.future.cancel()
        for _, stop in working.values():
            stop.ask()
        for thread in working:
            thread.join()


class LocalExecutor(Executor):
    """Does work with the same needs in the pool of its machine."""

    def __init__(self, pool: _Pool, needs: Needs) -> None:
        self._pool = pool
        self._needs = needs

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As Executor has it. Raises RuntimeError after shutdown."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(result)

        self._pool.add(_Work(run, self._needs, future))  # type: ignore[arg-type]
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As Executor has it; with `cancel_futures` what goes on is stopped too, and waited for.
        The pool is of others too, so it goes on without.
        """
        if wait and cancel_futures:
            self._pool.close()


class LocalFactory:
    """Executors on this machine; the option `jobs` is how many cells go on at a time."""

    shares_files = True

    def __init__(self, options: Options) -> None:
        for name in options:
            if name != _JOBS:
                raise UsageError(f"the executor local has no option {shown(name)}")
        jobs = options.get(_JOBS, "1")
        if not (jobs.isascii() and jobs.isdecimal() and int(jobs) > 0):
            raise UsageError(f"the executor local: jobs is a number, 1 or more, not {shown(jobs)}")
        self._pool = _Pool(int(jobs), _memory(), os.cpu_count() or 1)

    def where(self, needs: Needs) -> str:
        """This machine."""
        emulated = needs.platform not in {"", platforms.host()}
        return f"here, {needs.platform} emulated" if emulated else "here"

    def __call__(self, needs: Needs) -> Executor:
        """An executor in the one pool of this machine."""
        return LocalExecutor(self._pool, needs)

    def close(self) -> None:
        """Stop what goes on, and wait for it."""
        self._pool.close()


def _memory() -> int:
    """Bytes that can be had without swapping, as proc(5) has it; without limit where not told."""
    with contextlib.suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        told = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(told.split()[1]) * 1024
    return 1 << 62
