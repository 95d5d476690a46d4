"""One tree put into another: what has the same name is replaced, what has not stays."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from rootless_build.files.copying import copy_tree
from rootless_build.files.tree import remove
from rootless_build.files.way import opened_directory


def merge_tree(source: Path, target: Path, place: Path) -> tuple[str, ...]:
    """Put what is in `source` into the existing directory `target`; returns warnings.

    `place` is a private directory on the file system of `target`: everything is copied there
    first, and then each file takes its name at once. Raises OSError.
    """
    warnings: list[str] = []
    copied = place / "copied"
    copied.mkdir()
    copy_tree(source, copied, warnings)
    _move_into(copied, target)
    return tuple(warnings)


def is_same(old: Path, known: os.stat_result, new: Path, seen: os.stat_result) -> bool:
    """Whether two entries of trees, of which one is a copy that kept times to the second, are the
    same thing: a directory, a link to the same, or a file with the same content.
    """
    if known.st_mode != seen.st_mode:
        return False
    if stat.S_ISLNK(seen.st_mode):
        return old.readlink() == new.readlink()
    if not stat.S_ISREG(seen.st_mode):
        return stat.S_ISDIR(seen.st_mode)
    is_as_old = abs(known.st_mtime - seen.st_mtime) < 1 and known.st_size == seen.st_size
    return is_as_old and filecmp.cmp(old, new, shallow=False)


def put_in_place(source: Path, target: Path, path: str) -> None:
    """Move what is at `path` in one tree to the same path in another, over what is there.

    Of a directory, itself alone, with its mode still to be set. No link in either tree is
    followed. A directory that holds something is never replaced. Raises OSError.
    """
    parent, name = os.path.split(path)
    with (
        opened_directory(source, parent) as here,
        opened_directory(target, parent, make=True) as there,
    ):
        mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
        known = _mode(name, there)
        replaced = known is not None and stat.S_ISDIR(known)
        if stat.S_ISDIR(mode):
            if not replaced:
                if known is not None:
                    os.unlink(name, dir_fd=there)
                os.mkdir(name, dir_fd=there)
            return
        if replaced:
            os.rmdir(name, dir_fd=there)
        os.rename(name, name, src_dir_fd=here, dst_dir_fd=there)


def set_modes(root: Path, modes: Mapping[str, int]) -> None:
    """Set the permission bits of directories in a tree, of those that are still there.

    No link is followed.
    """
    for path, mode in modes.items():
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            opened_directory(root, path) as directory,
        ):
            if stat.S_IMODE(os.fstat(directory).st_mode) != mode:
                os.fchmod(directory, mode)


def _mode(name: str, directory: int) -> int | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _move_into(source: Path, target: Path) -> None:
    """Move what is in one directory into another, without recursion: trees may be deep."""
    filled: list[tuple[Path, Path, int]] = []
    pending = [(source, target)]
    while pending:
        here, place = pending.pop()
        for entry in sorted(here.iterdir()):
            there = place / entry.name
            mode = entry.lstat().st_mode
            if stat.S_ISDIR(mode) and there.is_dir() and not there.is_symlink():
                # A read-only directory can't be emptied, nor filled.
                entry.chmod(0o700)
                there.chmod(there.stat().st_mode | 0o700)
                filled.append((entry, there, mode))
                pending.append((entry, there))
            else:
                _move_over(entry, there, mode)
    # Last, as filling a directory changes its time; what is in it before itself.
    for entry, there, mode in reversed(filled):
        entry.chmod(stat.S_IMODE(mode))
        shutil.copystat(entry, there)


def _move_over(entry: Path, there: Path, mode: int) -> None:
    """Move one entry, with all that is in it, over what is there."""
    if there.is_symlink() or there.exists():
        if there.is_dir() and not there.is_symlink():
            remove(there)
        elif stat.S_ISDIR(mode):
            there.unlink()
    if stat.S_ISDIR(mode):
        # Moving a directory writes its `..`.
        entry.chmod(stat.S_IMODE(mode) | 0o200)
        entry.rename(there)
        there.chmod(stat.S_IMODE(mode))
    else:
        entry.replace(there)
