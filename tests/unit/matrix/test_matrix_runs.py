"""Cells that executors do, badly too: nothing is lost, and nothing published that was not made."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable
from concurrent.futures import Executor, Future
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from rootless_build.matrix.archives import BadBundlesError, packed, unpack
from rootless_build.matrix.commits import Commit
from rootless_build.matrix.placement import Factory, Needs
from rootless_build.matrix.records import VERSION, Kept, Matrix, Record
from rootless_build.matrix.runs import TRIES, Listener, Run
from rootless_build.matrix.work import LACKING, Job, Made, Result
from rootless_build.model.structs import replace

COMMIT = Commit("c" * 40, "d" * 40)
Work = Callable[[Job], Result]


def made(job: Job, place: Path, content: str = "made") -> Result:
    """What a worker returns that made one file."""
    (place / job.cell).mkdir(parents=True, exist_ok=True)
    (place / job.cell / "program").write_text(content)
    digest = sha256(content.encode()).hexdigest()
    return Result(
        *(job.run, job.cell, job.commit, "done", 0),
        where="there",
        made=(Made("program", digest, None),),
        archive=packed(place / job.cell),
        log_end=b"said",
    )


class Workers(Executor):
    """Work that is done at once, by a function of the test's."""

    shares_files = False

    def __init__(self, work: Work) -> None:
        self._work = work
        self.given: list[Job] = []
        self.closed = 0

    def submit(self, _: object, /, *args: object, **__: object) -> Future[bytes]:  # type: ignore[override]
        (data,) = args
        assert isinstance(data, bytes)
        job = msgspec.msgpack.decode(data, type=Job)
        self.given.append(job)
        future: Future[bytes] = Future()
        try:
            future.set_result(msgspec.msgpack.encode(self._work(job)))
        except BaseException as error:
            future.set_exception(error)
        return future

    def where(self, needs: Needs) -> str:
        return "there"

    def __call__(self, needs: Needs) -> Executor:
        return self

    def close(self) -> None:
        self.closed += 1


def matrix(place: Path, *cells: str) -> Matrix:
    jobs = tuple(Job("run", cell, "project", "key", ".", COMMIT, ()) for cell in cells)
    needs = tuple(Needs() for _ in cells)
    return Matrix(VERSION, "run", str(place / "bundles"), "toy", jobs, needs)


def go(
    place: Path,
    workers: Factory,
    *cells: str,
    resume: bool = False,
    fail_fast: bool = False,
    said: list[str] | None = None,
) -> dict[str, Record]:
    told = [] if said is None else said
    listener = Listener(
        lambda _: None, lambda _: None, lambda job, why: told.append(f"{job.cell}: {why}")
    )
    run = Run(
        *(matrix(place, *cells), Kept(place / "state"), workers, listener),
        contextlib.nullcontext,
        lambda: b"all commits",
    )
    return {record.cell: record for record in run.go(resume=resume, fail_fast=fail_fast)}


def program(place: Path, cell: str) -> str:
    return (place / "bundles" / cell / "program").read_text()


def test_what_was_made_is_published_and_its_log_kept(tmp_path: Path) -> None:
    records = go(tmp_path, Workers(lambda job: made(job, tmp_path / "made", job.cell)), "a", "b")
    assert [record.state for record in records.values()] == ["done", "done"]
    assert [program(tmp_path, cell) for cell in "ab"] == ["a", "b"]
    assert Path(records["a"].log).read_bytes() == b"said"
    assert not list((tmp_path / "bundles").glob(".*")), "nothing is left beside them"


def test_a_cell_whose_worker_is_lost_is_done_by_another(tmp_path: Path) -> None:
    died: set[str] = set()

    def work(job: Job) -> Result:
        if job.cell not in died:
            died.add(job.cell)
            raise RuntimeError("the worker was killed")
        return made(job, tmp_path / "made")

    said: list[str] = []
    records = go(tmp_path, Workers(work), "a", "b", said=said)
    assert [(record.state, record.tries) for record in records.values()] == [("done", 2)] * 2
    assert said == [
        f"{cell}: its worker was lost: RuntimeError: the worker was killed" for cell in "ab"
    ]


def test_a_cell_that_loses_every_worker_is_lost_and_the_others_are_done(tmp_path: Path) -> None:
    def work(job: Job) -> Result:
        if job.cell == "bad":
            raise MemoryError
        return made(job, tmp_path / "made")

    workers = Workers(work)
    records = go(tmp_path, workers, "bad", "good")
    assert (records["bad"].state, records["good"].state) == ("lost", "done")
    assert len([job for job in workers.given if job.cell == "bad"]) == TRIES


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: replace(result, archive=result.archive[:300]),
        lambda result: replace(result, archive=result.archive.replace(b"made", b"bade")),
        lambda result: replace(result, made=(*result.made, Made("other", "0" * 64, None))),
        lambda result: replace(result, made=(Made("program", "0" * 64, None),)),
        lambda result: replace(result, cell="other"),
        lambda result: replace(result, commit=Commit("e" * 40, "f" * 40)),
    ],
)
def test_what_is_not_what_was_made_is_not_published(
    tmp_path: Path, spoil: Callable[[Result], Result]
) -> None:
    go(tmp_path, Workers(lambda job: made(job, tmp_path / "made", "before")), "a")
    worker = Workers(lambda job: spoil(made(job, tmp_path / "made")))
    record = go(tmp_path, worker, "a")["a"]
    assert record.state in {"unverified", "lost"}
    assert not record.is_done
    assert program(tmp_path, "a") == "before", "the bundles before stay"
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == ["a"]


def test_a_run_that_goes_on_does_what_is_not_done(tmp_path: Path) -> None:
    def killed(job: Job) -> Result:
        if job.cell == "b":
            raise KeyboardInterrupt
        return made(job, tmp_path / "made", f"{job.cell} first")

    before = go(tmp_path, Workers(killed), "a", "b")
    assert [record.state for record in before.values()] == ["done", "interrupted"]
    second = Workers(lambda job: made(job, tmp_path / "made", f"{job.cell} second"))
    after = go(tmp_path, second, "a", "b", resume=True)
    assert [job.cell for job in second.given] == ["b"]
    assert [record.state for record in after.values()] == ["done", "done"]
    assert [program(tmp_path, cell) for cell in "ab"] == ["a first", "b second"]


def test_the_first_failure_ends_all_where_that_is_asked_for(tmp_path: Path) -> None:
    def work(job: Job) -> Result:
        return replace(made(job, tmp_path / "made"), state="failed", status=1, error="no")

    workers = Workers(work)
    records = go(tmp_path, workers, "a", "b", fail_fast=True)
    assert records["a"].state == "failed"
    assert workers.closed == 1
    assert not (tmp_path / "bundles").exists()


def test_a_worker_that_lacks_the_commit_gets_it_once(tmp_path: Path) -> None:
    def work(job: Job) -> Result:
        if not job.commits:
            return Result(job.run, job.cell, job.commit, LACKING)
        assert job.commits == b"all commits"
        return made(job, tmp_path / "made")

    assert go(tmp_path, Workers(work), "a")["a"].tries == 1
    never = Workers(lambda job: Result(job.run, job.cell, job.commit, LACKING))
    assert go(tmp_path, never, "a")["a"].state == "failed"
    assert len(never.given) == 2


def test_a_directory_that_no_matrix_made_stays(tmp_path: Path) -> None:
    mine = tmp_path / "bundles" / "a"
    mine.mkdir(parents=True)
    (mine / "program").write_text("mine")
    record = go(tmp_path, Workers(lambda job: made(job, tmp_path / "made")), "a")["a"]
    assert (record.state, program(tmp_path, "a")) == ("unverified", "mine")


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "link/out"])
def test_an_archive_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    place, content = tmp_path / "place", io.BytesIO()
    place.mkdir()
    with tarfile.open(fileobj=content, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, ".."
        archive.addfile(link)
        file = tarfile.TarInfo(name)
        file.size = 1
        archive.addfile(file, io.BytesIO(b"x"))
    with pytest.raises(BadBundlesError):
        unpack(content.getvalue(), place)
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
