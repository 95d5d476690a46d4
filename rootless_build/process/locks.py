"""Directories of this user's alone, and of a process that lives: locked while it does."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
