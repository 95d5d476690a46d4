"""The cells of a matrix are done: handed to executors, what comes back verified, published, kept.

A cell whose worker is lost is handed out again. What a worker returns counts once, and only for the
cell and the commit that it was asked for; its bundles are published when they are what was made,
and as a whole, else those before stay.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import AbstractContextManager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.matrix import work
from rootless_build.matrix.archives import BadBundlesError
from rootless_build.matrix.placement import Factory, Needs
from rootless_build.matrix.publishing import check, publish
from rootless_build.matrix.records import DONE, Kept, Matrix, Record
from rootless_build.matrix.work import Job, Result
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.structs import replace
from rootless_build.model.text import shown

TRIES: Final = 3
"""How often a cell is handed out whose workers are lost, or whose bundles come damaged."""
_AT_A_TIME: Final = 1_000
"""Cells that an executor has at a time: what it keeps of each takes memory."""
_LOOK: Final = 0.5
"""Seconds between two looks at which cells have begun."""


class Waiting(Struct):
    """A cell that is handed out, or will be."""

    job: Job
    needs: Needs
    tries: int = 0
    told: bool = False


class Listener(Struct, frozen=True):
    """What is told of cells: that one has `begun`, that one has `ended`, and that a worker was
    lost and it is done `again`, and why.
    """

    begun: Callable[[Job], None]
    ended: Callable[[Record], None]
    again: Callable[[Job, str], None]


class Run:
    """A run of a matrix. `publishing` is held while bundles are put in place; `commits` makes the
    git bundle for workers that lack the commits.
    """

    def __init__(
        self,
        matrix: Matrix,
        kept: Kept,
        factory: Factory,
        listener: Listener,
        publishing: Callable[[], AbstractContextManager[object]],
        commits: Callable[[], bytes],
    ) -> None:
        self._matrix = matrix
        self._kept = kept
        self._factory = factory
        self._listener = listener
        self._publishing = publishing
        self._commits = commits
        self._executors: dict[Needs, Executor] = {}
        self._ended: SimpleQueue[Future[bytes]] = SimpleQueue()
        self._given: dict[Future[bytes], Waiting] = {}
        self._records: dict[str, Record] = {}
        self.interrupted = False

    def go(self, *, resume: bool, fail_fast: bool) -> tuple[Record, ...]:
        """Do the cells and return what became of each, in their order. With `resume` those that
        this run has done already are left as they are; with `fail_fast` the first failure ends all.

        Ctrl-C stops what goes on, and is in the records.
        """
        waiting: deque[Waiting] = deque()
        for job, needs in zip(self._matrix.jobs, self._matrix.needs, strict=True):
            before = self._kept.record(job.cell) if resume else None
            if before is not None and before.run == self._matrix.run and before.is_done:
                self._records[job.cell] = before
            else:
                waiting.append(Waiting(job, needs))
        try:
            self._work(waiting, fail_fast=fail_fast)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self._stop()
        return tuple(self._records.get(job.cell, self._blank(job)) for job in self._matrix.jobs)

    def _work(self, waiting: deque[Waiting], *, fail_fast: bool) -> None:
        while waiting or self._given:
            while waiting and len(self._given) < _AT_A_TIME:
                self._submit(waiting.popleft(), waiting)
            try:
                future = self._ended.get(timeout=_LOOK)
            except Empty:
                self._tell_begun()
                continue
            given = self._given.pop(future, None)
            if given is None:
                continue
            record = self._taken(future, given, waiting)
            del future
            if record is not None:
                self._keep(record)
                if fail_fast and not record.is_done:
                    return

    def _submit(self, each: Waiting, waiting: deque[Waiting]) -> None:
        each.tries += 1
        each.told = False
        try:
            if each.needs not in self._executors:
                self._executors[each.needs] = self._factory(each.needs)
            data = msgspec.msgpack.encode(each.job)
            future = self._executors[each.needs].submit(work.do, data)
        except RbuildError as error:
            self._keep(self._blank(each.job, "failed", error.message))
            return
        except (RuntimeError, OSError) as error:
            # BrokenExecutor is a RuntimeError: the workers are gone, and another executor has more.
            self._executors.pop(each.needs, None)
            record = self._again(each, f"it could not be handed out: {error}", "lost", waiting)
            if record is not None:
                self._keep(record)
            return
        self._given[future] = each
        future.add_done_callback(self._ended.put)

    def _taken(
        self, future: Future[bytes], given: Waiting, waiting: deque[Waiting]
    ) -> Record | None:
        """What became of a cell; None for one that is done again."""
        job = given.job
        try:
            result = msgspec.msgpack.decode(future.result(), type=Result)
        except (CancelledError, KeyboardInterrupt):
            return self._blank(job, "interrupted")
        except Exception as error:
            # Whatever an executor of others raises: the worker was lost, or can't do it.
            self._executors.pop(given.needs, None)
            why = f"its worker was lost: {type(error).__name__}: {error}".rstrip(": ")
            return self._again(given, why, "lost", waiting)
        if (result.run, result.cell, result.commit) != (job.run, job.cell, job.commit):
            return self._again(given, "another cell's result came", "lost", waiting)
        if result.state == "interrupted":
            return self._again(given, f"it was interrupted on {result.where}", "lost", waiting)
        if result.state == work.LACKING:
            return self._with_commits(given, waiting)
        return self._published(given, result, waiting)

    def _with_commits(self, given: Waiting, waiting: deque[Waiting]) -> Record | None:
        """Hand a cell out again with all commits, where they did not come along already."""
        if given.job.commits:
            return self._blank(given.job, "failed", "its worker can't read the commits")
        given.job = replace(given.job, commits=self._commits())
        given.tries -= 1
        waiting.appendleft(given)
        return None

    def _published(self, given: Waiting, result: Result, waiting: deque[Waiting]) -> Record | None:
        record = self._record(given, result)
        if not record.is_done:
            return record
        try:
            self._publish(result)
        except BadBundlesError as error:
            why = f"what came from {result.where} was not published: {error}"
            return self._again(given, why, "unverified", waiting, record)
        except (OSError, RbuildError) as error:
            said = f"its bundles can't be published: {reason(error)}"
            return replace(record, state="failed", error=said, bundles="")
        return record

    def _again(
        self,
        given: Waiting,
        why: str,
        state: str,
        waiting: deque[Waiting],
        record: Record | None = None,
    ) -> Record | None:
        """Have a cell done once more; where that was done often enough, what became of it."""
        if given.tries < TRIES:
            self._listener.again(given.job, why)
            waiting.append(given)
            return None
        record = record or self._blank(given.job)
        return replace(record, state=state, error=why, tries=given.tries, bundles="")

    def _record(self, given: Waiting, result: Result) -> Record:
        log = result.log
        if result.log_end or not given.job.place:
            log = str(self._kept.keep_log(result.cell, result.log_end))
        state = result.state if result.state in DONE and result.status == 0 else work.FAILED
        return Record(
            run=result.run,
            cell=result.cell,
            state=state,
            commit=result.commit.commit,
            changed=result.commit.changed,
            status=result.status,
            where=result.where,
            started=result.started,
            seconds=result.seconds,
            tries=given.tries,
            backend=result.backend,
            bundles=str(self._directory(result.cell)) if result.made else "",
            error=result.error,
            log=log,
        )

    def _directory(self, cell: str) -> Path:
        return Path(self._matrix.bundles) / cell

    def _publish(self, result: Result) -> None:
        if not result.made:
            return
        directory = self._directory(result.cell)
        if result.state == "unchanged" and directory.is_dir() and not directory.is_symlink():
            try:
                check(result, directory)
            except BadBundlesError:
                pass
            else:
                return
        if not self._kept.owns(result.cell, directory):
            raise BadBundlesError(f"{shown(directory)} is there, and no matrix made it")
        self._kept.own(result.cell, directory)
        with self._publishing():
            publish(result, directory)

    def _keep(self, record: Record) -> None:
        self._records[record.cell] = record
        self._kept.keep(record)
        self._listener.ended(record)

    def _blank(self, job: Job, state: str = "waiting", error: str = "") -> Record:
        if state == "waiting" and any(each.job is job for each in self._given.values()):
            state = "interrupted"
        commit = job.commit
        return Record(job.run, job.cell, state, commit.commit, commit.changed, error=error)

    def _tell_begun(self) -> None:
        for future, each in self._given.items():
            if not each.told and future.running():
                each.told = True
                self._listener.begun(each.job)

    def _stop(self) -> None:
        """Nothing goes on any more; a second Ctrl-C hurries what ends."""
        while True:
            try:
                self._factory.close()
            except KeyboardInterrupt:
                self.interrupted = True
                continue
            return
