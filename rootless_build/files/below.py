"""Paths below a root whose files others own, so that no link leads out of it.

As in a chroot, and as with BuildKit: `/` in a link is the root, and `..` of the root is the root.
What a path leads to is found link by link, then opened name by name with no link followed: whoever
exchanges something in between gets an error.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rootless_build.files.way import RootedWay, opened


def resolved(root: Path, path: str) -> str:
    """What `path` leads to, relative to `root` and without links; empty for the root itself.

    Raises OSError: FileNotFoundError where a link leads out of the root to what it has not.
    """
    way = RootedWay(root, path)
    os.close(way.end())
    return way.path


@contextmanager
def opened_file(root: Path, path: str) -> Iterator[BinaryIO]:
    """A regular file, to which no link leads. Raises OSError, also for anything else."""
    with opened(root, path) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", path)
        with open(descriptor, "rb", closefd=False) as file:
            yield file


def content(root: Path, path: str, largest: int) -> bytes | None:
    """What the file holds that `path` leads to below the root; None where there is none.

    Raises OSError for one that is larger, can't be read, or is no regular one.
    """
    try:
        where = resolved(root, path)
        status = os.lstat(root / where)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    if stat.S_ISDIR(status.st_mode):
        return None
    with opened_file(root, where) as file:
        read = file.read(largest + 1)
    if len(read) > largest:
        raise OSError(errno.EFBIG, f"is larger than {largest} bytes", os.fspath(root / path))
    return read
