"""What is locked while a process lives: directories of this user's alone, and files that several
processes have in turn.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.process import stops

_LOOK: Final = 0.1
"""Seconds between two attempts to have a file."""


@contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Lock a directory of this process. Raises OSError when it can't be opened."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # not on NFS; the process id in its name remains
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_held(directory: Path) -> bool:
    """Whether its process lives, also where this one can't see it (process id namespaces)."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    finally:
        os.close(descriptor)
    return False


def is_private(path: Path) -> bool:
    """Whether a path is a directory, no link, of this user's alone."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (OSError, ValueError):
        return False
    try:
        seen = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return seen.st_uid == os.geteuid() and not seen.st_mode & 0o077


@contextmanager
def locked(file: Path, *, exclusive: bool = True) -> Iterator[None]:
    """Have a file, which is made where it is not there; waits for others. A thread that is stopped
    meanwhile raises KeyboardInterrupt. Raises OSError.
    """
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
