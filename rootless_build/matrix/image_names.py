"""Cells that go on at a time on one machine, kept from taking each other's images.

Builds of several commits mostly call their images by the same names, and have one storage. A build
that is made from an image of such a name, or a script that looks for one, would find another
cell's. So a cell has the names that its plan gives to itself for as long as it goes on; one whose
plan can't be known before it is done has all names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.matrix.own_program import command
from rootless_build.model.references import canonical
from rootless_build.process import programs
from rootless_build.process.locks import locked

_ALL: Final = "all"
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
        stack.enter_context(locked(place / _ALL, exclusive=names is None))
        # In one order for all, so that nobody waits for who waits for him.
        for name in sorted(names or ()):
            digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:32]
            stack.enter_context(locked(place / digest))
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
    argv = command("plan", *own, *words)
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
