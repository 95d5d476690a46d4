"""What a command left running that may still call docker.

Nobody can know what a program will do. A shell of the command's own session is part of a script
(`docker … &`). A daemon has gone into a session of its own, or outlives the terminal (nohup). One
whose output goes elsewhere may be either.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from rootless_build.process import proc

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
_OUTPUTS: Final = (1, 2)
_HANGUP: Final = 1 << (signal.SIGHUP - 1)


class Left(Struct, frozen=True):
    """Each as a person would name it: `callers` are waited for, `quiet` ones for a while, `daemons`
    not at all.
    """

    callers: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    daemons: tuple[str, ...] = ()


def look(keeper: int, stand_ins: Path) -> Left:
    """What still runs below the process that keeps a command's family and may call docker yet."""
    found: dict[str, list[str]] = {"callers": [], "quiet": [], "daemons": []}
    for pid in _family(keeper):
        try:
            words = proc.command_line(pid)
            kind = _kind(pid, words, keeper, os.fsencode(stand_ins) + b"/")
        except OSError:
            continue
        if kind:
            found[kind].append(f"{pid} ({shlex.join(map(os.fsdecode, words))})")
    return Left(*(tuple(dict.fromkeys(names)) for names in found.values()))


def _kind(pid: int, words: tuple[bytes, ...], keeper: int, stand_ins: bytes) -> str:
    """Which field of Left it belongs to; empty for none. Raises OSError where it has gone."""
    if any(word.startswith(stand_ins) for word in words):
        return "callers"
    if not _is_shell(words):
        return ""
    if os.getsid(pid) != os.getsid(0) or (_outlives_terminal(pid) and not _outlives_terminal()):
        return "daemons"
    return "callers" if _outputs(pid) & _outputs(keeper) else "quiet"


def _is_shell(words: tuple[bytes, ...]) -> bool:
    name = PurePosixPath(os.fsdecode(words[0])).name if words else ""
    return name.removeprefix("-") in _SHELLS


def _outlives_terminal(process: proc.Process = "self") -> bool:
    return bool(int(proc.status(process)["SigIgn"], 16) & _HANGUP)


def _outputs(pid: int) -> set[tuple[int, int]]:
    """The files that are its standard output and standard error."""
    found = set()
    for number in _OUTPUTS:
        try:
            seen = Path(f"/proc/{pid}/fd/{number}").stat()
        except FileNotFoundError:
            continue
        found.add((seen.st_dev, seen.st_ino))
    return found


def _family(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for pid in proc.processes():
        try:
            found = proc.stat(pid)
        except OSError:
            continue
        if not found.has_ended:
            children.setdefault(found.parent, []).append(pid)
    pending = [root]
    while pending:
        below = children.get(pending.pop(), [])
        yield from below
        pending += below
