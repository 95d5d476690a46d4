"""`--ulimit NAME=SOFT[:HARD]`: docker's grammar, and what of it can be had on this host.

An ordinary user can't raise a hard limit (setrlimit(2)): where docker's own daemon, which is root,
gives a container more, a rootless engine fails to start it. The container then gets as much as the
user has.
"""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.plan import Limits
from rootless_build.model.structs import replace
from rootless_build.process import proc

UNLIMITED: Final = -1
"""docker's word for no limit."""
_NUMBERS: Final = {
    "core": resource.RLIMIT_CORE,
    "cpu": resource.RLIMIT_CPU,
    "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE,
    "locks": 10,
    "memlock": resource.RLIMIT_MEMLOCK,
    "msgqueue": resource.RLIMIT_MSGQUEUE,
    "nice": resource.RLIMIT_NICE,
    "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC,
    "rss": resource.RLIMIT_RSS,
    "rtprio": resource.RLIMIT_RTPRIO,
    "rttime": resource.RLIMIT_RTTIME,
    "sigpending": resource.RLIMIT_SIGPENDING,
    "stack": resource.RLIMIT_STACK,
}
"""The names that docker has (29.1.3), with the kernel's numbers (setrlimit(2); `locks` is of Linux
2.4, and has no name in Python)."""
_NUMBER: Final = re.compile(r"[+-]?\d+")
_SYS_RESOURCE: Final = 24
"""CAP_SYS_RESOURCE of capabilities(7)."""
_INITIAL: Final = 0xEFFFFFFD
"""The inode of the initial user namespace (PROC_USER_INIT_INO of the kernel's proc_ns.h)."""


class Ulimit(Struct, frozen=True):
    """A limit; UNLIMITED, as any number below 0, is none."""

    name: str
    soft: int
    hard: int

    def __str__(self) -> str:
        return f"{self.name}={self.soft}:{self.hard}"


def parse(text: str) -> Ulimit:
    """The limit that docker's client takes such a word for (29.1.3).

    Raises ValueError, whose text says for a person what is wrong.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=SOFT[:HARD]")
    if name not in _NUMBERS:
        raise ValueError(f"{name!r} in {text!r} is none of {', '.join(_NUMBERS)}")
    numbers = values.split(":")
    if len(numbers) > 2 or not all(map(_NUMBER.fullmatch, numbers)):
        raise ValueError(f"{text!r} is not NAME=SOFT[:HARD] with whole numbers (-1: no limit)")
    soft, hard = int(numbers[0]), int(numbers[-1])
    if _size(soft) > _size(hard):
        raise ValueError(f"in {text!r} the soft limit is above the hard one")
    return Ulimit(name, soft, hard)


def possible(
    limits: Limits, hard: Callable[[str], int] | None = None
) -> tuple[Limits, tuple[str, ...]]:
    """The limits with no ulimit above the hard one of this process, and what is lowered.

    `hard` gives the highest number that a limit of that name can have here, UNLIMITED for any.
    """
    most = hard or hard_limit
    found: list[str] = []
    lowered: list[str] = []
    for text in limits.ulimits:
        given = parse(text)
        top = most(given.name)
        can = Ulimit(given.name, _least(given.soft, top), _least(given.hard, top))
        if can == given:
            found.append(text)
            continue
        found.append(str(can))
        lowered.append(
            f"--ulimit {text} is {can.soft}:{can.hard} here, the most this user can have"
        )
    return replace(limits, ulimits=tuple(found)), tuple(lowered)


def hard_limit(name: str) -> int:
    """The highest number that a limit of that name can have in a container of this process."""
    bounds = [_maximum(name)]
    if not _may_raise():
        hard = resource.getrlimit(_NUMBERS[name])[1]
        bounds.append(UNLIMITED if hard == resource.RLIM_INFINITY else hard)
    return min(bounds, key=_size)


def _maximum(name: str) -> int:
    """The kernel's own bound; podman 4.3.1 takes kernel.pid_max for one, too."""
    setting = {"nofile": "fs/nr_open", "nproc": "kernel/pid_max"}.get(name)
    most = None if setting is None else proc.number(setting)
    return UNLIMITED if most is None else most


def _may_raise() -> bool:
    """The capability counts in the initial user namespace alone: whoever may make another one has
    it there.
    """
    try:
        if Path("/proc/self/ns/user").stat().st_ino != _INITIAL:
            return False
    except OSError:
        return False
    return proc.has_capability(_SYS_RESOURCE)


def _size(limit: int) -> float:
    return float("inf") if limit < 0 else limit


def _least(limit: int, most: int) -> int:
    return min(limit, most, key=_size)
