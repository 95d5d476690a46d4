"""Clears what dead runs left, and nothing else: found by their records and by labels.

A run that was killed can leave containers, the engine's programs at work for it, its private
directory with the service's socket, and a staging directory beside the bundles.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, assert_never

from msgspec import Struct

from rootless_build.backend.api import (
    LABEL_PROCESS,
    LABEL_PROJECT,
    LABEL_UNFINISHED,
    Engine,
    Leftover,
    LeftoverKind,
)
from rootless_build.bundles import leftovers
from rootless_build.files import tree
from rootless_build.host.engine_settings import private_directories
from rootless_build.model.errors import RbuildError
from rootless_build.model.text import shown
from rootless_build.process import identities, proc
from rootless_build.runner.journal import Record, now

_ENGINES: Final = frozenset({"podman", "buildah"})
_LONG: Final = 600.0
"""Seconds in which an engine has finished an image that it has put on record."""
_OF_DEAD_RUNS: Final = frozenset({LeftoverKind.CONTAINER, LeftoverKind.BROKEN_IMAGE})


class Remains(Struct, frozen=True):
    """One thing that a dead run left. `size` is in bytes, None where it is not known."""

    what: str
    size: int | None
    remove: Callable[[], None]


def clear(
    record: Record, engine: Engine, directories: Iterable[Path], before: str
) -> tuple[str, ...]:
    """Remove all that the dead run left; returns what it was.

    `before` is when this run started (ISO 8601). `directories` are bundles directories where it may
    have staged. `engine` is that of the run's own backend. Raises RbuildError when something stays.
    """

    def attempt(until: str) -> tuple[list[str], list[RbuildError]]:
        done, failed = _remove_all(in_storage(engine, record, until))
        more, others = _remove_all(directories_of(record, engine, directories))
        return done + more, failed + others

    done, failed = attempt(before)
    # A program that still worked for it may have made another container meanwhile, or kept podman
    # from listing them; and it may have been killed in the middle of an image.
    ended = end_programs(record)
    if ended or failed:
        more, failed = attempt(now() if ended and not other_engines_work() else before)
        done += more
    if failed:
        raise failed[0]
    return tuple(done)


def _remove_all(remains: Iterable[Remains]) -> tuple[list[str], list[RbuildError]]:
    """Remove what can be; returns what it was, and why the others stay."""
    done: list[str] = []
    try:
        found_all = tuple(remains)
    except RbuildError as error:
        return [], [error]
    failed = []
    for found in found_all:
        try:
            found.remove()
        except RbuildError as error:
            failed.append(error)
        else:
            done.append(found.what)
    return done, failed


def end_programs(record: Record) -> bool:
    """Kill the engine's programs that still work for a dead run; whether there were any.

    Each has the path of the run's private containers.conf in its environment. Those that watch
    over a container end with it, so its removal comes first.
    """
    if record.runtime_directory is None:
        return False
    found = False
    marker = os.fsencode(f"={record.runtime_directory}/")
    for process in proc.processes():
        with contextlib.suppress(OSError):  # another user's, or ended
            if any(marker in variable for variable in proc.environment(process)):
                os.kill(process, signal.SIGKILL)
                found = True
    return found


def other_engines_work() -> bool:
    """Whether an engine of this user's is at work that this process has not started: it may be in
    the middle of an image.
    """
    own = os.getpid()
    for process in proc.processes():
        try:
            words = proc.command_line(process)
            if (
                os.fsdecode(words[0] if words else b"").rpartition("/")[2] in _ENGINES
                and proc.owner(process) == os.geteuid()
                and own not in proc.ancestors(process)
            ):
                return True
        except OSError:
            continue
    return False


def never_finished(engine: Engine) -> Iterator[tuple[str, str]]:
    """Images in storage that somebody began long ago and nobody finished, as they are called, and
    the id of each.
    """
    for leftover in engine.leftovers({LeftoverKind.BROKEN_IMAGE}):
        begun = float(dict(leftover.labels).get(LABEL_UNFINISHED, "inf"))
        if time.time() - begun > _LONG:
            yield _of_engine(engine, leftover).what, leftover.id


def in_storage(engine: Engine, record: Record, before: str) -> Iterator[Remains]:
    """The containers of a dead run, those in which it built an image included, and broken images.

    Those that its engine had only begun to make are known by their time: later than its start,
    and earlier than `before`, when this run started, so that nobody can be at making them.
    """
    lived = range(_milliseconds(record.started), _milliseconds(before))
    for leftover in engine.leftovers(_OF_DEAD_RUNS):
        labels = dict(leftover.labels)
        unfinished = labels.get(LABEL_UNFINISHED)
        begun = unfinished is not None and int(float(unfinished) * 1000) in lived
        if begun or labels.get(LABEL_PROCESS) == record.identity:
            yield _of_engine(engine, leftover)


def dead_containers(engine: Engine, project: Path | None) -> Iterator[Remains]:
    """The containers of dead runs of a project, or of all."""
    return labelled(engine, project, {LeftoverKind.CONTAINER})


def labelled(
    engine: Engine, project: Path | None, kinds: Collection[LeftoverKind]
) -> Iterator[Remains]:
    """What carries the labels of a project, or of any, and of no run that lives."""
    for leftover in engine.leftovers(kinds):
        owner = _owner(leftover)
        if owner is not None and (project is None or owner == str(project)):
            yield _of_engine(engine, leftover)


def volumes(
    engine: Engine, project: Path | None, works: Callable[[str], str]
) -> Iterator[tuple[Remains, str]]:
    """The volumes of a project, or of all, and who `works` in the checkout of each."""
    for leftover in engine.leftovers({LeftoverKind.VOLUME}):
        owner = _owner(leftover)
        if owner is not None and (project is None or owner == str(project)):
            yield _of_engine(engine, leftover), works(owner)


def _owner(leftover: Leftover) -> str | None:
    """The project that something belongs to; None for what a run uses that lives, and for what the
    user made, which inherits labels of the image that it is made from.
    """
    labels = dict(leftover.labels)
    maker = labels.get(LABEL_PROCESS)
    if maker is not None and identities.lives(maker):
        return None
    match leftover.kind:
        case LeftoverKind.CONTAINER:
            return labels.get(LABEL_PROJECT) if maker is not None else None
        case LeftoverKind.VOLUME:
            return labels.get(LABEL_PROJECT)
        case LeftoverKind.BROKEN_IMAGE:
            return None  # `in_storage` knows whose it is
        case _:
            assert_never(leftover.kind)


def directories_of(
    record: Record, engine: Engine, directories: Iterable[Path]
) -> Iterator[Remains]:
    """The private directory of a dead run, and what is abandoned beside bundles directories."""
    places = {place.resolve() for place in (*directories, record.bundles) if place is not None}
    for place in sorted(places):
        yield from abandoned(engine, place)
    for private in private_directories(record.identity, os.environ):
        yield Remains(f"private directory {shown(private)}", _size(private), _removal(private))


def abandoned(engine: Engine, directory: Path) -> Iterator[Remains]:
    """The staging directories of dead processes beside a bundles directory."""
    for path in leftovers.abandoned(directory):
        what = f"staging directory {shown(path)}"
        yield Remains(what, _size(path), _staging(engine, path, directory))


def _of_engine(engine: Engine, leftover: Leftover) -> Remains:
    what = f"{leftover.kind} {shown(leftover.name or leftover.id[:12])}"
    return Remains(what, leftover.size, lambda: engine.remove(leftover))


def _staging(engine: Engine, path: Path, directory: Path) -> Callable[[], None]:
    def remove() -> None:
        leftovers.restore(directory)
        engine.give_back(path)
        _remove(path)

    return remove


def _removal(path: Path) -> Callable[[], None]:
    return lambda: _remove(path)


def _remove(path: Path) -> None:
    try:
        tree.remove(path)
    except OSError as error:
        message = f"{shown(path)}, left by an earlier run, can't be removed: {error.strerror}"
        raise RbuildError(message) from error


def _milliseconds(when: str) -> int:
    try:
        return int(datetime.fromisoformat(when).timestamp() * 1000)
    except ValueError:
        return 0


def _size(directory: Path) -> int:
    try:
        return sum(entry.status.st_blocks for entry in tree.walk(directory)) * 512
    except OSError:
        return 0
