"""Files that a container leaves in the user's own directories, and that are not the user's.

Docker's own daemon leaves them so, with the container's uid. With a rootless engine that is a
subordinate uid, and the caller can't even remove the file. What this container made, or gave away,
is given back: in the project, in a directory that is the caller's, as far as that is certain, since
it was looked at before. Whatever else is new and another user's is named.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from rootless_build import foreign, ownership
from rootless_build.backend import Engine
from rootless_build.data import dataclass
from rootless_build.errors import RbuildError
from rootless_build.events import Level, StepReporter
from rootless_build.foreign import Inode, Request, Result, Seen
from rootless_build.plan import BindMount, RunContainer

_COARSE: Final = 5
"""CLOCK_REALTIME_COARSE of clock_gettime(2): what file systems take their times from."""
_MOST: Final = 10_000
"""Directories outside the project that are looked into: a mount may be somebody's home."""


@contextmanager
def given_back(
    step: RunContainer,
    project: Path,
    staging: Path | None,
    engine: Engine,
    reporter: StepReporter,
    alone: Callable[[], AbstractContextManager[bool]],
) -> Iterator[None]:
    """While the step's container runs: what it leaves is seen to at the end, however it ended.

    `staging` is seen to by whoever publishes it. The context `alone` gives whether no other run
    works in the project, whose containers may have made what is new and still use it: it is left to
    the last of them.
    """
    if engine.remote or not engine.rootless or os.getuid() == 0:
        yield
        return
    project = project.resolve()
    left = _LeftFiles(*_places(step, project, staging))
    try:
        yield
    finally:
        new = left.look()
        if new.ours or new.others:
            with alone() as no_other:
                if no_other:
                    left.give_back(new, project, engine, reporter)


def _places(
    step: RunContainer, project: Path, staging: Path | None
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """What the container can write to: in the project, and elsewhere, each once.

    Where it can write to a directory above the project, it can move files from there into the
    project, and nobody can tell them from new ones.
    """
    inside: list[Path] = []
    outside: list[Path] = []
    device = _device(project)
    for mount in step.mounts:
        if not isinstance(mount, BindMount) or mount.read_only:
            continue
        source = mount.source.resolve()
        if source == staging or _is_in_storage(source):
            continue
        own = source.is_relative_to(project) and _device(source) in {device, None}
        (inside if own else outside).append(source)
    if any(project.is_relative_to(source) for source in outside):
        return (), _topmost(outside)
    return _topmost(inside), _topmost(outside)


def _device(path: Path) -> int | None:
    try:
        return path.stat().st_dev
    except OSError:
        return None


def _topmost(paths: list[Path]) -> tuple[Path, ...]:
    once = dict.fromkeys(paths)
    return tuple(path for path in once if not any(above in once for above in path.parents))


def _is_in_storage(path: Path) -> bool:
    return any(foreign.is_storage(_names(place)) for place in (path, *path.parents))


def _names(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 - names alone
    except OSError:
        return []


class _LookedAtEnoughError(Exception):
    """There is more in a directory than is looked at."""


@dataclass(slots=True)
class _New:
    """What is another user's and was not before. `ours`: in a directory of the caller's."""

    ours: list[Seen] = field(default_factory=list)
    others: list[Seen] = field(default_factory=list)

    def of(self, uids: Sequence[range]) -> _New:
        """Those of these owners: other people work on this host, too."""

        def theirs(found: Seen) -> bool:
            return any(found.status.st_uid in each for each in uids)

        return _New(list(filter(theirs, self.ours)), list(filter(theirs, self.others)))


class _LeftFiles:
    """What there was before, of the directories `inside` the project and `outside`."""

    def __init__(self, inside: tuple[Path, ...], outside: tuple[Path, ...]) -> None:
        self._inside = inside
        self._outside = outside
        self._before: set[Inode] = set()
        for place in inside:
            foreign.walk(str(place), self._note, _ignore)
        self._since = time.clock_gettime_ns(_COARSE)

    def _note(self, seen: Seen, _: bool) -> bool | None:
        if seen.status.st_uid != os.getuid():
            self._before.add(seen.inode)
        return True if stat.S_ISDIR(seen.status.st_mode) else None

    def look(self) -> _New:
        """What there is now that was not before."""
        new = _New()
        for place in self._inside:
            self._look(place, new)
        for place in self._outside:
            self._look_outside(place, new)
        return new

    def give_back(self, new: _New, project: Path, engine: Engine, reporter: StepReporter) -> None:
        """Give back what can be, and name the rest."""
        namespace = engine.user_namespace
        if namespace is None:
            return  # such files can't be told from other people's
        try:
            new = new.of(ownership.subordinate(namespace))
            places = [(found.path, found.inode) for found in new.ours]
            request = Request(places, sorted(self._before), storages=False)
            result = ownership.taken(request, namespace) if places else Result(0, [])
        except RbuildError as error:
            text = f"{error.message}: {error.engine_words}".rstrip(": ")
            reporter.notice("foreign-files", text, Level.WARNING)
            return
        if result.given:
            what = ownership.named([_shown(found.path, project) for found in new.ours])
            text = f"files of the container's users are yours now: {what}"
            reporter.notice("given-back", text, Level.DETAIL)
        left = [*(found.path for found in new.others), *result.left]
        if left:
            what = ownership.named([_shown(path, project) for path in left])
            text = (
                f"files of the container's users, which are not yours: {what}; to make them yours: "
                f"{ownership.command(namespace, left[:3])}"
            )
            reporter.notice("foreign-files", text, Level.WARNING)

    def _look(self, place: Path, new: _New) -> None:
        def visit(seen: Seen, ours: bool) -> bool | None:
            if seen.status.st_uid == os.getuid():
                return True if stat.S_ISDIR(seen.status.st_mode) else None
            if seen.inode in self._before:
                return False if stat.S_ISDIR(seen.status.st_mode) else None
            (new.ours if ours else new.others).append(seen)
            return None

        foreign.walk(str(place), visit, _ignore)

    def _look_outside(self, place: Path, new: _New) -> None:
        looked_at = 0

        def visit(seen: Seen, _: bool) -> bool | None:
            nonlocal looked_at
            looked_at += 1
            if looked_at > _MOST:
                raise _LookedAtEnoughError
            changed = seen.status.st_ctime_ns >= self._since
            if seen.status.st_uid != os.getuid() and changed:
                new.others.append(seen)
                return None
            return True if stat.S_ISDIR(seen.status.st_mode) else None

        try:
            foreign.walk(str(place), visit, _ignore)
        except _LookedAtEnoughError:
            return


def _ignore(_path: str, _error: OSError) -> None:
    """It is another user's, and was before."""


def _shown(path: str, project: Path) -> str:
    inside = Path(path).is_relative_to(project)
    return str(Path(path).relative_to(project)) if inside else path
