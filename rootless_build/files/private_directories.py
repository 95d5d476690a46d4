"""Directories of rbuild's own for a while, which go whatever a project puts into them meanwhile.

What a Makefile or a container writes there may be nested deeper than Python's own functions go.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from rootless_build.files.tree import remove
from rootless_build.model.shared_directories import LASTING
from rootless_build.process import identities


@contextlib.contextmanager
def private_directory(
    parent: str | Path | None = None, prefix: str | None = None
) -> Iterator[Path]:
    """A directory with a random name, gone with the context."""
    place = Path(tempfile.mkdtemp(prefix=prefix or identities.private_prefix(), dir=parent))
    try:
        yield place
    finally:
        discard(place)


def large_directory() -> AbstractContextManager[Path]:
    """One for files as large as images: where engines put what is large, and not into memory."""
    return private_directory(os.environ.get("TMPDIR") or LASTING)


def discard(tree: Path) -> None:
    """Remove a tree as far as that can be done; what is left is no error."""
    with contextlib.suppress(OSError):
        remove(tree)


def is_private_directory(path: Path) -> bool:
    """Whether a directory is one that this user made for itself alone.

    Where others may make directories too they may make one of that name, to have what is in it
    taken for rbuild's own.
    """
    try:
        seen = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o022
