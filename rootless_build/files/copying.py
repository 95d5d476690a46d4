"""Copies of files and trees, shared with the original where the file system can."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rootless_build.files.tree import CHUNK, link_text, open_itself, real, special, walk
from rootless_build.model.text import shown

_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)


def copy_data(source: int, target: int) -> None:
    """Copy a whole file between descriptors: a reflink, or in the kernel, or by reading.

    `target` is new and empty. Holes stay holes.
    """
    with contextlib.suppress(OSError):  # not this file system, or not between these two
        fcntl.ioctl(target, _FICLONE, source)
        return
    size = os.fstat(source).st_size
    position = 0
    while position < size:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                break
            raise
        end = os.lseek(source, position, os.SEEK_HOLE)
        _copy_range(source, target, position, end)
        position = end
    os.truncate(target, size)


def _copy_range(source: int, target: int, position: int, end: int) -> None:
    while position < end:
        copied = 0
        with contextlib.suppress(OSError):  # a real error comes back from the plain write
            copied = os.copy_file_range(source, target, end - position, position, position)
        if not copied:
            data = os.pread(source, min(CHUNK, end - position), position)
            if not data:
                return
            copied = os.pwrite(target, data, position)
        position += copied


def copy_tree(
    source: Path, target: Path, warnings: list[str], leave_out: Collection[str] = ()
) -> None:
    """Copy what is in the directory `source` into the existing directory `target`.

    `leave_out` are paths in `source` that are not copied, nor what is below them. Links are copied
    as links, hard links inside the tree stay hard links, modes, times and (as root) owners are
    kept. Devices, sockets and pipes are left out, with a warning each.
    """
    first_names: dict[tuple[int, int], Path] = {}
    copied: list[tuple[Path, Path, os.stat_result]] = []
    below = tuple(f"{path}/" for path in leave_out)
    source = real(source)
    for entry in walk(source):
        if entry.path in leave_out or entry.path.startswith(below):
            continue
        original, copy, status = source / entry.path, target / entry.path, entry.status
        identity = (status.st_dev, status.st_ino)
        if stat.S_ISDIR(status.st_mode):
            copy.mkdir(0o700)
        elif stat.S_ISLNK(status.st_mode):
            copy.symlink_to(link_text(original))
        elif not stat.S_ISREG(status.st_mode):
            warnings.append(f"{shown(entry.path)} was left out: {special(status.st_mode)}")
            continue
        elif identity in first_names:
            os.link(first_names[identity], copy)
            continue
        else:
            copy_file(source, entry.path, copy)
            if status.st_nlink > 1:
                first_names[identity] = copy
        copied.append((original, copy, status))
    # Last: filling a directory changes its time, and a read-only one could not be filled.
    for original, copy, status in copied:
        copy_attributes(original, copy, status)


def copy_attributes(original: Path, copy: Path, status: os.stat_result) -> None:
    """Mode, times, extended attributes and, as root, the owner."""
    if os.geteuid() == 0:
        os.chown(copy, status.st_uid, status.st_gid, follow_symlinks=False)
    shutil.copystat(original, copy, follow_symlinks=False)


def copy_file(root: Path, path: str, copy: Path) -> None:
    """Copy a file of a tree to a new name, with its mode 0600; no link is followed.

    Raises OSError.
    """
    with open_itself(root, path) as source:
        target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            copy_data(source.fileno(), target)
        finally:
            os.close(target)
