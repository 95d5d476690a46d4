"""Caches that one RUN at a time may have: locked by rbuild, for all runs of this user.

Engines keep a file for the lock in the cache itself, where a RUN sees it and copies it, and some
never give a lock back (podman 4.3.1, buildah 1.28.2).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from rootless_build.process import left_behind

_DIGITS: Final = 24


def are_possible(directory: Path) -> bool:
    """Whether this user can lock anything there: a home may be read-only, and what is in it root's
    since `sudo`.
    """
    there = next(place for place in (directory, *directory.parents) if place.exists())
    return os.access(there, os.W_OK | os.X_OK)


@contextlib.contextmanager
def held(directory: Path, names: Iterable[str], waits: Callable[[], None]) -> Iterator[None]:
    """Hold the locks of the caches of these names; `waits` is called before it waits for another.

    All take them in the same order: nobody waits for whoever waits for him. Raises OSError.
    """
    with contextlib.ExitStack() as locks:
        for name in sorted(set(names)):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
            locks.enter_context(_held(directory / digest[:_DIGITS], waits))
        yield


@contextlib.contextmanager
def _held(file: Path, waits: Callable[[], None]) -> Iterator[None]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            left_behind.leave_behind(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX))
        except OSError:
            pass  # not on NFS
        yield
    finally:
        os.close(descriptor)
