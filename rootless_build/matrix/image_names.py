"""Cells that go on at a time on one machine, kept from taking each other's images.

Builds of several commits mostly call their images by the same names, and have one storage. A build
that is made from an image of such a name, or a script that looks for one, would find another
cell's. So a cell has the names that its plan gives to itself for as long as it goes on; one whose
plan can't be known before it is done has all names.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.model.references import canonical
from rootless_build.process import programs, stops

_ALL: Final = "all"
_LOOK: Final = 0.1
"""Seconds between two attempts to have a name."""
_HARMLESS: Final = re.compile(
    r"\s*@?(mkdir|rm|cp|mv|ln|touch|echo|printf|true|test|:|chmod|install)( [^;&|`$()<>]*)?\s*"
)
"""Commands of a recipe that call no docker."""


class _Step(Struct, frozen=True):
    kind: str
    tags: tuple[str, ...] = ()
    name: str | None = None
    script: str = ""


class _Plan(Struct, frozen=True):
    steps: tuple[_Step, ...]


@contextmanager
def held(
    place: Path, project: Path, words: Sequence[str], environment: Mapping[str, str | None]
) -> Iterator[None]:
    """Have the names of the images that `rbuild make WORDS` makes in the project. `place` is where
    it is kept who has which. Waits for others; a thread that is stopped meanwhile raises
    KeyboardInterrupt.
    """
    names = _names(project, words, environment, place)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_locked(place / _ALL, exclusive=names is None))
        # In one order for all, so that nobody waits for who waits for him.
        for name in sorted(names or ()):
            digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
            stack.enter_context(_locked(place / digest, exclusive=True))
        yield


def _names(
    project: Path,
    words: Sequence[str],
    environment: Mapping[str, str | None],
    directory: Path,
) -> frozenset[str] | None:
    """The names that the plan's builds give; None where they are not known."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = ("-C", str(project), "--format", "json")
    argv = (sys.executable, "-P", "-m", "rootless_build", "plan", *own, *words)
    done = programs.capture(argv, environment=environment, directory=directory)
    if done.status != 0:
        return None
    try:
        steps = msgspec.json.decode(done.stdout, type=_Plan).steps
    except msgspec.DecodeError:
        return None
    found: set[str] = set()
    for step in steps:
        match step.kind:
            case "build-image":
                found.update(map(canonical, step.tags))
            case "tag-image" if step.name is not None:
                found.add(canonical(step.name))
            case "run-container" | "pull-image":
                pass
            case "host-command" if _HARMLESS.fullmatch(step.script):
                pass
            case _:
                return None
    return frozenset(found)


@contextmanager
def _locked(file: Path, *, exclusive: bool) -> Iterator[None]:
    how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                stops.check()
                time.sleep(_LOOK)
            else:
                break
        yield
    finally:
        os.close(descriptor)
