"""The runs that are kept: of a checkout in one directory, each in a directory that is its number.

DIRECTORY/NUMBER/           0700; locked while the run goes on
    run.json                what it is, and how it ended
    log*.jsonl              what it said
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files.head import head_commit
from rootless_build.history import log_files, record
from rootless_build.history.record import RunRecord, UnreadableRecordError
from rootless_build.history.writing import Warn, Writer
from rootless_build.model.structs import replace
from rootless_build.process.locks import hold, is_held

KEPT: Final = 50
"""Runs of a checkout."""
BYTES: Final = 500 * 1024 * 1024
"""Of all checkouts together."""


class KeptRun(Struct, frozen=True):
    """A run that is kept; `record` is None where it can't be read, and `problem` says why."""

    place: Path
    record: RunRecord | None
    problem: str = ""

    @property
    def number(self) -> int:
        """The run's."""
        return int(self.place.name)

    @property
    def goes_on(self) -> bool:
        """Whether it has not ended."""
        return is_held(self.place)


def begin(directory: Path, begun: RunRecord, warn: Warn) -> Writer:
    """Keep a run from now on; its number is the next one. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = _new(directory)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        held = stack.enter_context(ExitStack())
        held.enter_context(hold(place))
        begun = replace(begun, number=int(place.name), commit=head_commit(begun.project))
        record.write(place, begun)
        writer = Writer(place, begun, held.pop_all().close, warn)
        stack.pop_all()
        return writer


def kept(directory: Path) -> Sequence[KeptRun]:
    """The runs of a checkout, the oldest first."""
    return [_read(place) for place in _places(directory)]


def newest(directory: Path, most: int) -> Iterator[KeptRun]:
    """The newest runs of a checkout, no more than `most`, the last one first."""
    yield from map(_read, reversed(_places(directory)[-most:]))


def last(directory: Path, wanted: Callable[[KeptRun], bool]) -> KeptRun | None:
    """The newest run of which `wanted` holds."""
    found = (_read(place) for place in reversed(_places(directory)))
    return next(filter(wanted, found), None)


def forget_old(directory: Path, keep: int) -> None:
    """Remove the oldest runs of a checkout, but for `keep` and those that go on."""
    places = _places(directory)
    for place in places[: max(len(places) - keep, 0)]:
        if not is_held(place):
            shutil.rmtree(place, ignore_errors=True)


def forget_most(root: Path, most: int = BYTES) -> None:
    """Remove the oldest runs of all checkouts in `root` until they have no more than `most` bytes;
    the newest of each stays.
    """
    sizes = {place: _size(place) for each in root.iterdir() for place in _places(each)}
    total = sum(sizes.values())
    for place in sorted(_older(root), key=_time):
        if total <= most:
            return
        if not is_held(place):
            shutil.rmtree(place, ignore_errors=True)
            total -= sizes.get(place, 0)


def _older(root: Path) -> Iterator[Path]:
    for directory in root.iterdir():
        yield from _places(directory)[:-1]


def _time(place: Path) -> float:
    """When it was written; of one that another rbuild removes meanwhile, long ago."""
    with contextlib.suppress(OSError):
        return place.stat().st_mtime
    return 0


def _size(place: Path) -> int:
    with contextlib.suppress(OSError):
        return log_files.size(place)
    return 0


def _read(place: Path) -> KeptRun:
    try:
        return KeptRun(place, record.read(place))
    except UnreadableRecordError as error:
        return KeptRun(place, None, str(error))


def _places(directory: Path) -> list[Path]:
    try:
        names = [path for path in directory.iterdir() if path.name.isdecimal()]
    except OSError:
        return []
    return sorted(names, key=lambda path: int(path.name))


def _new(directory: Path) -> Path:
    while True:
        places = _places(directory)
        place = directory / str(int(places[-1].name) + 1 if places else 1)
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return place
