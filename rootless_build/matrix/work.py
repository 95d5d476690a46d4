"""What a worker does: one cell, which is a run of rbuild in a worktree of its own.

What goes in and comes out is plain data, as bytes: a worker may be on another machine. Nothing is
taken from what came that its type does not name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.files.private_directories import private_directory
from rootless_build.matrix import archives, image_names
from rootless_build.matrix.commits import Commit, Commits
from rootless_build.matrix.own_program import command
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.plan import Pairs
from rootless_build.model.text import shown
from rootless_build.process import programs, user_directories
from rootless_build.process.locks import locked

LACKING: Final = "lacking"
"""The state of a cell whose commit the worker does not have."""
FAILED: Final = "failed"
_LOG: Final = 1024 * 1024
"""Bytes of a log that come back from another machine: its end."""


class Job(Struct, frozen=True):
    """A cell for a worker. `run` is the id of the matrix's run, `project` what the project's
    directory is called, `key` what stands for it, `below` where it is in the checkout. `words` are
    those of `rbuild make`, `environment` is laid over the worker's own. `place` is where
    the matrix is kept, of the client's for workers that have its files (then bundles stay where
    they are), empty for others. `commits` is a git bundle, for workers that lack the commit.
    `beside`: other cells may go on at the same time, with the same images.
    """

    run: str
    cell: str
    project: str
    key: str
    below: str
    commit: Commit
    words: tuple[str, ...]
    environment: Pairs = ()
    place: str = ""
    commits: bytes = b""
    beside: bool = False


class Made(Struct, frozen=True):
    """A file or link of the bundles: its sha256 in hex, or what the link says."""

    path: str
    sha256: str | None
    link: str | None


class Result(Struct, frozen=True):
    """What became of a cell. `state` is that of the metadata file, or LACKING; `status` is
    rbuild's. `where` is the machine; times are ISO 8601, UTC, and the machine's own. `bundles` is
    the directory of the bundles for who has the worker's files, `archive` what is in it for others.
    `log` is the file with all that rbuild said, `log_end` its end for others.
    """

    run: str
    cell: str
    commit: Commit
    state: str
    status: int | None = None
    where: str = ""
    started: str = ""
    seconds: float = 0.0
    error: str = ""
    backend: str = ""
    made: tuple[Made, ...] = ()
    bundles: str = ""
    archive: bytes = b""
    log: str = ""
    log_end: bytes = b""


class _Metadata(Struct, frozen=True):
    """What of a metadata file is needed (docs/reference/metadata-file.md)."""

    state: str
    status: int | None
    error: str
    backend: str
    bundles: tuple[_MetadataFile, ...]


class _MetadataFile(Struct, frozen=True):
    directory: str
    path: str
    sha256: str | None
    link: str | None


def do(data: bytes) -> bytes:
    """Do a Job, and return a Result, both as msgpack.

    Whatever goes wrong is in the result; KeyboardInterrupt alone is raised, where the work is
    stopped.
    """
    job = msgspec.msgpack.decode(data, type=Job)
    begun, since = datetime.now(UTC), time.monotonic()
    result = Result(job.run, job.cell, job.commit, FAILED, 1)
    try:
        result = _done(job, result)
    except RbuildError as error:
        said = ": ".join(filter(None, (error.message, error.engine_words)))
        result = msgspec.structs.replace(result, error=said, status=error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        result = msgspec.structs.replace(result, error=f"{where}{reason(error)}", status=3)
    result = msgspec.structs.replace(
        result,
        where=os.uname().nodename,
        started=begun.isoformat(timespec="seconds"),
        seconds=time.monotonic() - since,
    )
    return msgspec.msgpack.encode(result)


def place_for(key: str) -> Path:
    """Where a matrix is kept on this machine."""
    return user_directories.state() / "rbuild" / "matrix" / key


def _done(job: Job, result: Result) -> Result:
    place = Path(job.place) if job.place else place_for(job.key)
    commits = Commits(place)
    if not job.place:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(place / "commits.lock"):
            if job.commits:
                with private_directory() as directory:
                    (directory / "commits").write_bytes(job.commits)
                    commits.take_bundle(directory / "commits")
            if not commits.has(job.commit):
                return msgspec.structs.replace(result, state=LACKING, status=None)
    cell = place / "cells" / job.cell
    cell.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The same cell may be asked for twice, where a worker was believed to be lost.
    with locked(cell / "lock"):
        with locked(place / "worktrees.lock"):
            tree = commits.worktree(cell, job.project, job.commit)
        with _own_images(job, place, tree / job.below):
            result = _built(job, cell, tree / job.below, result)
        if not job.place:
            result = _packed(result)
    return result


def _own_images(job: Job, place: Path, project: Path) -> AbstractContextManager[None]:
    if not job.beside:
        return nullcontext()
    # Those of other projects may be called so too.
    names = place.parent / "image-names"
    return image_names.held(names, project, job.words, dict(job.environment))


def _built(job: Job, cell: Path, project: Path, result: Result) -> Result:
    metadata, log = cell / "metadata.json", cell / "log"
    metadata.unlink(missing_ok=True)
    own = ("-C", str(project), "--metadata-file", str(metadata))
    argv = command("make", *own, *job.words)
    environment: Mapping[str, str | None] = {"NO_COLOR": "1", **dict(job.environment)}
    with log.open("wb") as file:

        def keep(data: bytes, _: str) -> None:
            file.write(data)
            file.flush()

        status = programs.stream(argv, keep, environment=environment, directory=cell)
    result = msgspec.structs.replace(result, status=status, log=str(log))
    try:
        told = msgspec.json.decode(metadata.read_bytes(), type=_Metadata)
    except (OSError, msgspec.DecodeError):
        said = _last_words(log) or f"rbuild ended with status {status} and said nothing"
        return msgspec.structs.replace(result, error=said)
    if told.status != status:
        said = f"rbuild ended with status {status}, before it could say how"
        return msgspec.structs.replace(result, state=FAILED, error=said, backend=told.backend)
    result = msgspec.structs.replace(
        result, state=told.state, error=told.error, backend=told.backend
    )
    return result if status != 0 else _with_bundles(result, told, project)


def _with_bundles(result: Result, told: _Metadata, project: Path) -> Result:
    directories = {file.directory for file in told.bundles}
    if not directories:
        return result
    (directory, *others) = sorted(directories)
    if others or not Path(directory).is_relative_to(project):
        said = f"its bundles are not in one directory of its worktree: {shown(directory)}"
        return msgspec.structs.replace(result, state=FAILED, status=1, error=said)
    made = tuple(Made(file.path, file.sha256, file.link) for file in told.bundles)
    return msgspec.structs.replace(result, made=made, bundles=directory)


def _packed(result: Result) -> Result:
    """The result with what it needs on another machine."""
    archive = archives.packed(Path(result.bundles)) if result.bundles else b""
    end = b""
    if result.log:
        with Path(result.log).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _LOG, 0))
            end = file.read()
    return msgspec.structs.replace(result, archive=archive, bundles="", log_end=end)


def _last_words(log: Path) -> str:
    lines = log.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
