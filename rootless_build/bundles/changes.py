"""What differs between staged bundles and those they take the place of, and bringing it to disk."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.bundles.statement import OWN_NAMES
from rootless_build.files.tree import CHUNK, link_text, name_of, open_inside, walk

_FSYNC_AT_MOST: Final = 200
"""Files; with more of them one syncfs is faster, although it waits for everybody's data."""


class Changed(Struct, frozen=True):
    """A file or link that is new or another: `size` and `before` are bytes, `before` is None for a
    new one.
    """

    path: str
    size: int
    before: int | None


def total(tree: Path) -> int:
    """Bytes of all files of a tree that its user can see, without statements of provenance; 0 where
    there is none.
    """
    if not tree.is_dir():
        return 0
    return sum(
        entry.status.st_size
        for entry in walk(tree, failed=lambda *_: None)
        if stat.S_ISREG(entry.status.st_mode) and name_of(entry.path) not in OWN_NAMES
    )


def changed_files(new: Path, current: Path) -> Iterator[Changed]:
    """The files and links in `new` that are not in `current`, or are others there."""
    old = {}
    if current.is_dir():
        old = {entry.path: entry.status for entry in walk(current)}
    for entry in walk(new):
        if stat.S_ISDIR(entry.status.st_mode):
            continue
        before = old.get(entry.path)
        # The mode holds the type of the file too.
        if (
            before is None
            or before.st_mode != entry.status.st_mode
            or not _same_content(new, current, entry.path, before, entry.status)
        ):
            yield Changed(entry.path, entry.status.st_size, before and before.st_size)


def _same_content(
    new: Path, current: Path, path: str, before: os.stat_result, after: os.stat_result
) -> bool:
    if stat.S_ISLNK(after.st_mode):
        return link_text(new / path) == link_text(current / path)
    if not stat.S_ISREG(after.st_mode):
        return True
    if before.st_size != after.st_size:
        return False
    with open_inside(new, path) as one, open_inside(current, path) as other:
        while chunk := one.read(CHUNK):
            if chunk != other.read(CHUNK):
                return False
    return True


def flush(tree: Path) -> None:
    """Bring a tree to the disk before it replaces one that is already there."""
    entries = [
        entry.path
        for entry in walk(tree)
        if stat.S_ISREG(entry.status.st_mode) or stat.S_ISDIR(entry.status.st_mode)
    ]
    if len(entries) <= _FSYNC_AT_MOST:
        for path in (*entries, ""):
            fsync(tree / path)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(tree, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(tree))
    finally:
        os.close(descriptor)


def fsync(path: Path) -> None:
    """Bring one file or directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
