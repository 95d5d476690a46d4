"""Files that a container leaves in the user's own directories, and that are not the user's.

Docker's own daemon leaves them so, with the container's uid. With a rootless engine that is a
subordinate uid, and the caller can't even remove the file. What this container made, or gave away,
is given back: in the project, in a directory that is the caller's, as far as that is certain, since
it was looked at before. Whatever else is new and another user's is named.

Where other runs work in the project, which may use the files, it is put on record for the last one.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend import ownership
from rootless_build.backend.api import Engine, UserNamespace
from rootless_build.files import foreign, plain
from rootless_build.files.foreign import Inode, Request, Seen
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Level
from rootless_build.model.plan import BindMount, RunContainer
from rootless_build.model.text import shown

_MOST: Final = 10_000
"""Entries outside of the project that are looked at: a mount may be somebody's home."""
_PATIENCE: Final = 1.0
"""Seconds for that."""

Say = Callable[[str, str, Level], None]
"""Tells the user: the notice's code, its text, its level."""


class Place(Struct, frozen=True):
    """The checkout that containers leave files in.

    `alone` is a context in which no other run begins or ends there; it gives whether none works
    there, whose containers may have made what is new and still use it. `record` is the file in
    which one run leaves word to the last, None where there is none.
    """

    project: Path
    alone: Callable[[], AbstractContextManager[bool]]
    record: Path | None


@contextmanager
def give_back_files(
    step: RunContainer, place: Place, staging: Path | None, engine: Engine, say: Say
) -> Iterator[None]:
    """While the step's container runs: what it leaves is seen to at the end, however it ended.

    `staging` is seen to by whoever publishes it.
    """
    if not _concerns(engine):
        yield
        return
    left = _LeftFiles(*_places(step, place.project.resolve(), staging))
    try:
        yield
    finally:
        new = left.look()
        if new or _is_there(place.record):
            with place.alone() as alone:
                _see_to(new, left.before, place, engine, say, alone=alone)


def settle(place: Place, engine: Engine, say: Say) -> None:
    """Give back what earlier runs have put on record, where no other run works: the last of them
    may have ended together.
    """
    if _concerns(engine) and _is_there(place.record):
        with place.alone() as alone:
            if alone:
                _see_to(_New(), [], place, engine, say, alone=True)


def _concerns(engine: Engine) -> bool:
    return engine.rootless and not engine.remote and os.getuid() != 0


def _is_there(record: Path | None) -> bool:
    return record is not None and record.exists()


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
        return [entry.name for entry in os.scandir(directory)]
    except OSError:
        return []


class _LookedAtEnoughError(Exception):
    """There is more in a directory than is looked at."""


class _New(Struct):
    """What is another user's and was not before. `ours`: in a directory of the caller's, in the
    project. `others`: elsewhere; and which of these are new with all that is in them.
    """

    ours: list[Seen] = []
    others: list[tuple[Seen, bool]] = []

    def __bool__(self) -> bool:
        return bool(self.ours or self.others)

    def of(self, uids: Sequence[range]) -> _New:
        """The new files of these owners: other people work on this host, too."""

        def theirs(found: Seen) -> bool:
            return any(found.status.st_uid in each for each in uids)

        others = [(found, whole) for found, whole in self.others if theirs(found)]
        return _New(list(filter(theirs, self.ours)), others)


class _LeftFiles:
    """What there was before, of the directories `inside` the project and `outside`."""

    def __init__(self, inside: tuple[Path, ...], outside: tuple[Path, ...]) -> None:
        self._foreign: set[Inode] = set()
        self._directories: set[Inode] = set()
        self._closed: set[Inode] = set()
        for place in inside:
            foreign.walk(str(place), self._note, self._note_closed)
        self._inside = inside
        # Of what was not seen whole nobody can tell what is new.
        self._outside = tuple(place for place in outside if self._noted(place))

    @property
    def before(self) -> list[Inode]:
        """What was another user's."""
        return sorted(self._foreign)

    def _note(self, seen: Seen, _: bool) -> bool | None:
        if seen.status.st_uid != os.getuid():
            self._foreign.add(seen.inode)
        if not stat.S_ISDIR(seen.status.st_mode):
            return None
        self._directories.add(seen.inode)
        return True

    def _note_closed(self, path: str, _: OSError) -> None:
        """A directory that can't be looked into. Where it can be later, nobody can tell what is new
        in it.
        """
        with suppress(OSError):
            status = os.lstat(path)
            self._closed.add((status.st_dev, status.st_ino))

    def _noted(self, place: Path) -> bool:
        limit = _Limit()

        def visit(seen: Seen, ours: bool) -> bool | None:
            limit.count()
            return self._note(seen, ours)

        try:
            foreign.walk(str(place), visit, self._note_closed)
        except _LookedAtEnoughError:
            return False
        return True

    def look(self) -> _New:
        """What there is now that was not before."""
        new = _New()
        for place in self._inside:
            self._look(place, new, None)
        for place in self._outside:
            try:
                self._look(place, new, _Limit())
            except _LookedAtEnoughError:
                continue  # what was found is new all the same
        return new

    def _look(self, place: Path, new: _New, limit: _Limit | None) -> None:
        """`limit` is for a place outside."""

        def visit(seen: Seen, ours: bool) -> bool | None:
            if limit is not None:
                limit.count()
            is_directory = stat.S_ISDIR(seen.status.st_mode)
            if seen.inode in self._closed:
                if seen.status.st_uid != os.getuid() and seen.inode not in self._foreign:
                    new.others.append((seen, False))
                return None
            if seen.status.st_uid == os.getuid():
                return True if is_directory else None
            if seen.inode in self._foreign:
                return False if is_directory else None
            if limit is None and ours:
                new.ours.append(seen)
                return None
            whole = not is_directory or self._is_whole(seen, limit)
            new.others.append((seen, whole))
            return None if whole else False

        foreign.walk(str(place), visit, _ignore)

    def _is_whole(self, directory: Seen, limit: _Limit | None) -> bool:
        """Whether a directory is new, and nothing in it is what somebody had before."""
        if directory.inode in self._directories:
            return False
        whole = True

        def visit(seen: Seen, _: bool) -> bool | None:
            nonlocal whole
            if limit is not None:
                limit.count()
            whole = whole and seen.inode not in self._foreign
            return True if whole and stat.S_ISDIR(seen.status.st_mode) else None

        def failed(_path: str, _error: OSError) -> None:
            nonlocal whole
            whole = False  # nobody can tell what was moved there

        foreign.walk(directory.path, visit, failed)
        return whole


class _Limit:
    """How much is looked at."""

    def __init__(self) -> None:
        self._left = _MOST
        self._end = time.monotonic() + _PATIENCE

    def count(self) -> None:
        """Count one more file. Raises _LookedAtEnoughError."""
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._end:
            raise _LookedAtEnoughError


def _see_to(
    new: _New, before: list[Inode], place: Place, engine: Engine, say: Say, *, alone: bool
) -> None:
    """Give back what can be, or put it on record, and name the rest."""
    namespace = engine.user_namespace
    if namespace is None:
        return  # such files can't be told from other people's
    project = place.project.resolve()
    try:
        if new:
            new = new.of(ownership.subordinate(namespace))
        places = [(found.path, found.inode) for found in new.ours]
        own = [Request(places, before, storages=False)] if places else []
        named = [(found.path, whole) for found, whole in new.others]
        if alone:
            named += _take_back([*_recorded(place.record), *own], namespace, project, say)
            _forget(place.record)
        elif own:
            named += _left_for_the_last(own[0], place.record, project, say)
    except RbuildError as error:
        text = f"{error.message}: {error.engine_words}".rstrip(": ")
        say("foreign-files", text, Level.WARNING)
        return
    if named:
        what = ownership.named([_shown(path, project) for path, _ in named])
        text = (
            f"files of the container's users, which are not yours: {what}; to make them yours: "
            f"{_command(namespace, named[: ownership.SHOWN])}"
        )
        say("foreign-files", text, Level.WARNING)


def _take_back(
    requests: Sequence[Request], namespace: UserNamespace, project: Path, say: Say
) -> list[tuple[str, bool]]:
    """Do what the requests say, and tell it; returns what could not be given back."""
    left: list[str] = []
    given: list[str] = []
    for request in requests:
        result = ownership.take(request, namespace)
        left += result.left
        if result.given:
            given += [_shown(path, project) for path, _ in request.places]
    if given:
        text = f"files of the container's users are yours now: {ownership.named(given)}"
        say("given-back", text, Level.DETAIL)
    return [(path, False) for path in left]


def _left_for_the_last(
    request: Request, record: Path | None, project: Path, say: Say
) -> list[tuple[str, bool]]:
    """Put a request on record; returns what has to be named since that can't be."""
    paths = [path for path, _ in request.places]
    try:
        if record is None:
            return [(path, False) for path in paths]
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(request._asdict()) + "\n")
    except OSError:
        return [(path, False) for path in paths]
    what = ownership.named([_shown(path, project) for path in paths])
    text = f"files of the container's users become yours when no other run works here: {what}"
    say("given-back-later", text, Level.INFO)
    return []


def _recorded(record: Path | None) -> list[Request]:
    """What earlier runs have put on record."""
    if record is None or not record.exists():
        return []
    try:
        lines = plain.text(record).splitlines()
        return [foreign.request(json.loads(line)) for line in lines]
    except (OSError, ValueError, TypeError, KeyError):
        return []  # damaged: nobody can tell any more


def _forget(record: Path | None) -> None:
    if record is not None:
        with suppress(OSError):
            record.unlink(missing_ok=True)


def _command(namespace: UserNamespace, named: Sequence[tuple[str, bool]]) -> str:
    """What a person can type. What is in a directory that is not wholly new may be older."""
    whole = [path for path, is_whole in named if is_whole]
    rest = [path for path, is_whole in named if not is_whole]
    commands = [
        *([ownership.command(namespace, whole)] if whole else []),
        *([ownership.command_alone(namespace, rest)] if rest else []),
    ]
    return " && ".join(commands)


def _ignore(_path: str, _error: OSError) -> None:
    """Pass over what can't be looked at: it is another user's, and was before the run."""


def _shown(path: str, project: Path) -> str:
    inside = Path(path).is_relative_to(project)
    return shown(str(Path(path).relative_to(project)) if inside else path)
