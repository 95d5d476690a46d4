"""Two directories change places: at once where the file system can, else in two renames."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path
from typing import Final

PREVIOUS: Final = "previous"
"""Name, beside the new directory, under which the current one waits while two renames are made."""

_RENAME_EXCHANGE: Final = 2  # linux/fs.h
_AT_FDCWD: Final = -100
# EPERM is what an old seccomp profile says to a system call that it doesn't know.
_NOT_SUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM})


def swap(new: Path, current: Path) -> None:
    """Put `new` in the place of `current`; both are on one file system.

    The directory that was `current` is afterwards at `new`, or beside it as PREVIOUS. On an error
    (OSError) both are where they were.
    """
    try:
        _exchange(new, current)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        swap_by_renames(new, current)


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        renameat2 = libc.renameat2
    except AttributeError as error:  # glibc before 2.28
        raise OSError(errno.ENOSYS, "no renameat2 in libc") from error
    paths = os.fsencode(one), os.fsencode(other)
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


def swap_by_renames(new: Path, current: Path) -> None:
    """`swap` for file systems without RENAME_EXCHANGE (NFS, many FUSE ones).

    When the process is killed in between, `recover` puts the current directory back.
    """
    try:
        current.rename(new.with_name(PREVIOUS))
        new.rename(current)
    except BaseException:
        recover(new.parent, current)
        raise


def recover(beside: Path, current: Path) -> bool:
    """Put back a directory that waits in `beside` as PREVIOUS; whether there was one to put back.

    Its place is empty, or holds an empty directory that something made there since: a rename
    replaces either, and nothing else.
    """
    try:
        if not stat.S_ISDIR((beside / PREVIOUS).lstat().st_mode):
            return False
        (beside / PREVIOUS).rename(current)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            return False
        raise
    return True
