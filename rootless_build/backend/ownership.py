"""Whether files are the caller's, and how they become so: one check for all backends.

Containers of a rootless engine leave files of subordinate uids, which the caller may not change
or remove (user_namespaces(7)).
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.backend.api import UserNamespace
from rootless_build.files import foreign
from rootless_build.files.foreign import Request, Result, Seen
from rootless_build.model import former_names
from rootless_build.model.errors import HostError
from rootless_build.model.text import shell_joined, shell_quoted
from rootless_build.process import programs

_SCRIPT: Final = Path(foreign.__file__)
SHOWN: Final = 3
"""Paths that a message names."""
_FORMER: Final = MappingProxyType({"taken": f"{__name__}.take"})

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What a function here was called in 0.1.0."""
        return former_names.find(__name__, name, _FORMER)


class _ForeignError(Exception):
    """Something is not the caller's, or can't be looked at."""


def all_ours(directory: Path) -> bool:
    """Whether a directory, and everything in it on the same file system, is the caller's.

    False where something can't be looked at, as what is in another user's private directory.
    """

    def visit(seen: Seen, _: bool) -> bool | None:
        if seen.status.st_uid != os.getuid():
            raise _ForeignError
        return True if stat.S_ISDIR(seen.status.st_mode) else None

    def failed(_path: str, error: OSError) -> None:
        raise _ForeignError from error

    try:
        foreign.walk(str(directory), visit, failed, storages=True)
    except _ForeignError:
        return False
    return True


def give_back(directory: Path, namespace: UserNamespace) -> None:
    """Make a directory and everything in it the caller's, on its own file system.

    Raises HostError when something stays another user's.
    """
    if all_ours(directory):
        return
    status = directory.lstat()
    place = (str(directory), (status.st_dev, status.st_ino))
    left = take(Request([place], [], storages=True), namespace).left
    if left:
        raise HostError(
            f"{named(left)} {'belongs' if len(left) == 1 else 'belong'} to another user, and "
            "could not be given back",
            finding="foreign-files",
            hint=f"as root: chown -R {os.getuid()}:{os.getgid()} {shell_quoted(directory)}",
        )


def take(request: Request, namespace: UserNamespace) -> Result:
    """Do what the request says, as root of the namespace. Raises HostError where that fails."""
    done = programs.capture(
        [*namespace.command, sys.executable, "-I", "-S", str(_SCRIPT)],
        environment=dict(namespace.environment),
        stdin=json.dumps(request._asdict()).encode(),
    )
    if done.status:
        raise HostError(
            "files of other users could not be given back",
            finding="foreign-files",
            hint=f"the command that does it: {command(namespace, [p for p, _ in request.places])}",
            engine_words=done.words,
        )
    return Result(**json.loads(done.text))


def subordinate(namespace: UserNamespace) -> Sequence[range]:
    """The caller's subordinate uids: those of the namespace but for its own (user_namespaces(7)).

    Raises HostError where there is no such namespace.
    """
    done = programs.capture(
        [*namespace.command, "cat", "/proc/self/uid_map"],
        environment=dict(namespace.environment),
    )
    if done.status:
        raise HostError(
            "nobody can tell which files containers left",
            finding="foreign-files",
            engine_words=done.words,
        )
    rows = [tuple(map(int, line.split())) for line in done.text.splitlines()]
    return [range(outside, outside + size) for inside, outside, size in rows if inside]


def command(namespace: UserNamespace, paths: Sequence[str]) -> str:
    """The command with which a person gives files back, to be pasted into a shell."""
    return shell_joined([*namespace.command, "chown", "-hR", "0:0", *paths])


def command_alone(namespace: UserNamespace, paths: Sequence[str]) -> str:
    """The command with which a person gives back what has these paths, and nothing in it."""
    return shell_joined([*namespace.command, "chown", "-h", "0:0", *paths])


def named(paths: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(paths) - SHOWN
    return ", ".join(paths[:SHOWN]) + (f" and {more} more" if more > 0 else "")
