"""What is kept of a matrix: the run, so that it can go on, and of each cell what became of it.

PLACE/lock                      held while a run goes on
PLACE/run.json                  the last run: its cells, with their commits
PLACE/cells/CELL/record.json    what became of the cell
PLACE/cells/CELL/published      the directory that its bundles were put into
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.files.tree import is_empty
from rootless_build.matrix.placement import Needs
from rootless_build.matrix.work import Job
from rootless_build.model.errors import CheckoutBusyError, UsageError
from rootless_build.model.plan import Pairs
from rootless_build.model.structs import replace
from rootless_build.model.text import shown

VERSION: Final = 1
DONE: Final = frozenset({"done", "unchanged"})


class Matrix(Struct, frozen=True):
    """A run of a matrix. `bundles` is the directory in which each cell has one of its name; of the
    cells `needs` are in the order of `jobs`.
    """

    version: int
    run: str
    bundles: str
    executor: str
    jobs: tuple[Job, ...]
    needs: tuple[Needs, ...]
    options: Pairs = ()


class Record(Struct, frozen=True):
    """What became of a cell. `state` is `done`, `unchanged`, `failed`, `unverified` (what came was
    not what was made, and is not published), `lost` (its workers were), `interrupted` or `waiting`
    (not begun). `commit` is in hex, `changed` how many files of it differ; `log` is a file.
    """

    run: str
    cell: str
    state: str
    commit: str
    changed: int = 0
    status: int | None = None
    where: str = ""
    started: str = ""
    seconds: float = 0.0
    tries: int = 0
    backend: str = ""
    bundles: str = ""
    error: str = ""
    log: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the bundles are those of the cell."""
        return self.state in DONE


class Kept:
    """What is kept in `place`."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other matrix of the project is built meanwhile. Raises CheckoutBusyError."""
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CheckoutBusyError(
                    "another rbuild matrix of this project is at work",
                    hint="wait for it, or end it; rbuild matrix --resume goes on with it then",
                ) from error
            yield
        finally:
            os.close(descriptor)

    def begin(self, matrix: Matrix) -> None:
        """Keep a run. Raises OSError."""
        bare = tuple(replace(job, commits=b"") for job in matrix.jobs)
        content = msgspec.json.encode(replace(matrix, jobs=bare))
        replace_content(self.place / "run.json", content)

    def last(self) -> Matrix:
        """The last run. Raises UsageError where there is none that can be read."""
        try:
            matrix = msgspec.json.decode(plain.content(self.place / "run.json"), type=Matrix)
        except FileNotFoundError as error:
            raise UsageError(
                "no rbuild matrix of this project can go on: none was begun",
                hint="begin one: rbuild matrix",
            ) from error
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(
                f"what is kept of the last rbuild matrix is damaged: {error}"
            ) from error
        if matrix.version > VERSION:
            raise UsageError("the last rbuild matrix was one of a later rbuild")
        return matrix

    def cell(self, name: str) -> Path:
        """The directory of a cell."""
        return self.place / "cells" / name

    def record(self, name: str) -> Record | None:
        """What became of a cell the last time; None where nothing readable is kept."""
        try:
            content = plain.content(self.cell(name) / "record.json")
            return msgspec.json.decode(content, type=Record)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, record: Record) -> None:
        """Keep what became of a cell. Raises OSError."""
        place = self.cell(record.cell)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(place / "record.json", msgspec.json.encode(record))

    def keep_log(self, name: str, content: bytes) -> Path:
        """Keep the log of a cell that was done elsewhere. Raises OSError."""
        place = self.cell(name)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(place / "log", content)
        return place / "log"

    def owns(self, name: str, directory: Path) -> bool:
        """Whether a directory is one that the cell's bundles were put into, or is free for them."""
        if not os.path.lexists(directory):
            return True
        try:
            was = (self.cell(name) / "published").read_bytes()
        except OSError:
            was = b""
        if was == os.fsencode(directory):
            return True
        return directory.is_dir() and not directory.is_symlink() and is_empty(directory)

    def own(self, name: str, directory: Path) -> None:
        """From now on the directory is the cell's. Raises OSError."""
        place = self.cell(name)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(place / "published", os.fsencode(directory))

    def check_directories(self, bundles: Path, cells: Sequence[str]) -> None:
        """Raises UsageError where a directory of a cell is somebody else's."""
        for name in cells:
            if not self.owns(name, bundles / name):
                raise UsageError(
                    f"{shown(bundles / name)} is there, and no matrix made it",
                    hint="take it away, or name another place: --bundles-dir",
                )
