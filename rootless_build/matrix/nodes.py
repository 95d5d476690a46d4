"""The executor `nodes`: cells are processes here whose engine is on a node, `rbuild --on NODE`.

Each node has `jobs` cells at a time, and takes the next one when it has done one. A cell goes to
the node that did it last, as what was built of it is there. A node that does not answer any more
gets no further cell, and what it had is handed out again.

PLACE/cells/CELL/node   the node that did the cell last
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, cast

import msgspec
from msgspec import Struct

from rootless_build.files.replacing import replace_content
from rootless_build.matrix.own_program import command
from rootless_build.matrix.placement import Needs, Options
from rootless_build.matrix.work import Job, Result
from rootless_build.model import platforms
from rootless_build.model.errors import UsageError
from rootless_build.model.structs import replace
from rootless_build.model.text import shown
from rootless_build.process import programs, stops

T = TypeVar("T")
P = ParamSpec("P")
_NODES: Final = "nodes"
_JOBS: Final = "jobs"
_HOST: Final = 3
"""rbuild's status where an engine can't be reached or used, on a node or here."""


class NodeLostError(BrokenExecutor):
    """A node that a cell was given to does not answer, or nothing can be built there any more."""


class _Work(Struct):
    """A cell that waits. `last` is the node that did it last; empty for none."""

    run: Callable[[str], object]
    future: Future[object]
    last: str


class _Row(Struct, frozen=True):
    """What of a row of `rbuild nodes --format json` is needed."""

    problem: str


class _Pool:
    """The nodes: a thread for each cell that one has at a time, which waits for a process."""

    def __init__(self, nodes: tuple[str, ...], jobs: int) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._lost: dict[str, str] = {}
        self._closed = False
        self._stops: dict[threading.Thread, stops.Stop] = {}
        self._nodes = nodes
        self._jobs = jobs

    def add(self, work: _Work) -> None:
        """Have it done by the first node that is free. Raises BrokenExecutor where none is left."""
        with self._changed:
            if self._closed:
                raise BrokenExecutor("the executor was shut down")
            if len(self._lost) == len(self._nodes):
                raise BrokenExecutor(self._why())
            self._begin()
            self._waiting.append(work)
            self._changed.notify_all()

    def _begin(self) -> None:
        if self._stops:
            return
        for node in self._nodes * self._jobs:
            stop = stops.Stop()
            thread = threading.Thread(
                target=self._serve, args=(node, stop), name=f"rbuild-node-{node}", daemon=True
            )
            self._stops[thread] = stop
            thread.start()

    def _why(self) -> str:
        return "; ".join(f"{shown(node)}: {why}" for node, why in self._lost.items())

    def _serve(self, node: str, stop: stops.Stop) -> None:
        with stops.stoppable(stop):
            while (work := self._next(node)) is not None:
                self._do(work, node)

    def _next(self, node: str) -> _Work | None:
        with self._changed:
            while not self._closed and node not in self._lost:
                for work in self._waiting:
                    if work.last == node or work.last not in self._nodes or work.last in self._lost:
                        self._waiting.remove(work)
                        return work
                self._changed.wait()
            return None

    def _do(self, work: _Work, node: str) -> None:
        if not work.future.set_running_or_notify_cancel():
            return
        try:
            result = work.run(node)
        except NodeLostError as error:
            self._lose(node, str(error))
            work.future.set_exception(error)
        except BaseException as error:  # it is raised where the result is asked for
            work.future.set_exception(error)
        else:
            work.future.set_result(result)

    def _lose(self, node: str, why: str) -> None:
        """Give the node nothing more; where it was the last one, nobody does what waits."""
        with self._changed:
            self._lost[node] = why
            left: deque[_Work] = deque()
            if len(self._lost) == len(self._nodes):
                left, self._waiting = self._waiting, deque()
            self._changed.notify_all()
        for work in left:
            if work.future.set_running_or_notify_cancel():
                work.future.set_exception(BrokenExecutor(self._why()))

    def close(self) -> None:
        """Begin nothing more, and stop what goes on, as Ctrl-C would; again hurries."""
        with self._changed:
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            working = dict(self._stops)
            self._changed.notify_all()
        for work in waiting:
            work.future.cancel()
        for stop in working.values():
            stop.ask()
        for thread in working:
            thread.join()


class NodesExecutor(Executor):
    """Does cells on whichever node is free: what is submitted is a function of a Job's bytes, which
    gives a Result's (`matrix.work.do`).
    """

    def __init__(self, pool: _Pool) -> None:
        self._pool = pool

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As Executor has it. Raises BrokenExecutor where no node is left."""
        future: Future[T] = Future()
        call = cast("Callable[..., bytes]", function)
        data, *rest = args
        job = msgspec.msgpack.decode(cast("bytes", data), type=Job)

        def run(node: str) -> object:
            return _on(node, lambda changed: call(changed, *rest, **kwargs), job)

        self._pool.add(_Work(run, cast("Future[object]", future), _last(job)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As Executor has it; with `cancel_futures` what goes on is stopped too, and waited for."""
        if wait and cancel_futures:
            self._pool.close()


class NodesFactory:
    """Executors on nodes. The option `nodes` names them, with commas between; `jobs` is how many
    cells each has at a time.
    """

    shares_files = True

    def __init__(self, options: Options) -> None:
        for name in options:
            if name not in {_NODES, _JOBS}:
                raise UsageError(f"the executor nodes has no option {shown(name)}")
        self._nodes = tuple(dict.fromkeys(filter(None, options.get(_NODES, "").split(","))))
        if not self._nodes:
            raise UsageError(
                "the executor nodes has no node",
                hint="[nodes.NAME] in the user's config.toml, or --executor-option nodes=NAME,URL",
            )
        jobs = options.get(_JOBS, "1")
        if not (jobs.isascii() and jobs.isdecimal() and 0 < int(jobs) < 1000):
            raise UsageError(f"the executor nodes: jobs is 1 to 999, not {shown(jobs)}")
        self._pool = _Pool(self._nodes, int(jobs))

    def where(self, needs: Needs) -> str:
        """The nodes of which one would do it."""
        self._check(needs)
        return " or ".join(self._nodes)

    def __call__(self, needs: Needs) -> Executor:
        """An executor on all of them. Raises UsageError for another platform than this host's."""
        self._check(needs)
        return NodesExecutor(self._pool)

    def _check(self, needs: Needs) -> None:
        if needs.platform not in {"", platforms.host()}:
            raise UsageError(
                f"no node builds for {needs.platform} yet",
                hint=f"nodes are of this host's platform, {platforms.host()}",
            )

    def close(self) -> None:
        """Stop what goes on, and wait for it."""
        self._pool.close()


def _on(node: str, do: Callable[[bytes], bytes], job: Job) -> bytes:
    """Do the cell with the engine of a node. Raises NodeLostError."""
    there = replace(job, words=("--on", node, *job.words))
    result = msgspec.msgpack.decode(do(msgspec.msgpack.encode(there)), type=Result)
    if result.status == _HOST and (why := _problem(node)):
        raise NodeLostError(why)
    if result.status == 0:
        replace_content(_note(job), os.fsencode(node))
    return msgspec.msgpack.encode(replace(result, where=node))


def _note(job: Job) -> Path:
    return Path(job.place) / "cells" / job.cell / "node"


def _last(job: Job) -> str:
    try:
        return os.fsdecode(_note(job).read_bytes())
    except OSError:
        return ""


def _problem(node: str) -> str:
    """Why no build can go to a node now; empty where one can."""
    done = programs.capture(command("nodes", "--format", "json", node))
    try:
        rows = msgspec.json.decode(done.text, type=list[_Row])
    except msgspec.DecodeError:
        return done.words or "it can't be looked at"
    return rows[0].problem if rows else "it is not known"
