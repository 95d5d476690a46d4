"""What a command left running that may still call docker.

Nobody can know what a program will do. A shell of the command's own session is part of a script
(`docker … &`); a daemon has gone into a session of its own.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from rootless_build.process import proc

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})


def may_call(keeper: int, stand_ins: Path) -> tuple[str, ...]:
    """What still runs below the process that keeps a command's family and may call docker yet: each
    as a person would name it.
    """
    return tuple(dict.fromkeys(_callers(keeper, os.fsencode(stand_ins) + b"/")))


def _callers(keeper: int, stand_ins: bytes) -> Iterator[str]:
    for pid in _family(keeper):
        try:
            words = proc.command_line(pid)
            same_session = os.getsid(pid) == os.getsid(0)
        except OSError:
            continue
        called = any(word.startswith(stand_ins) for word in words)
        if called or (same_session and _is_shell(words)):
            yield f"{pid} ({shlex.join(map(os.fsdecode, words))})"


def _is_shell(words: tuple[bytes, ...]) -> bool:
    name = PurePosixPath(os.fsdecode(words[0])).name if words else ""
    return name.removeprefix("-") in _SHELLS


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
