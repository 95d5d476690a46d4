"""One tree put into another: what has the same name is replaced, what has not stays."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

from rootless_build.bundles.copying import copy_tree
from rootless_build.bundles.tree import remove


def merge_tree(source: Path, target: Path, place: Path) -> tuple[str, ...]:
    """Put what is in `source` into the existing directory `target`; returns warnings.

    `place` is a private directory on the file system of `target`: everything is copied there
    first, and then each file takes its name at once. Raises OSError.
    """
    warnings: list[str] = []
    copied = place / "copied"
    copied.mkdir()
    copy_tree(source, copied, warnings)
    _moved(copied, target)
    return tuple(warnings)


def _moved(source: Path, target: Path) -> None:
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        mode = entry.lstat().st_mode
        if stat.S_ISDIR(mode) and there.is_dir() and not there.is_symlink():
            # A read-only directory can't be emptied, nor filled.
            entry.chmod(0o700)
            there.chmod(there.stat().st_mode | 0o700)
            _moved(entry, there)
            entry.chmod(stat.S_IMODE(mode))
            shutil.copystat(entry, there)
            continue
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
