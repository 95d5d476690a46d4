"""What a container that failed has written: the last one's is kept, outside of the project.

Logs and reports are wanted exactly then, and the bundles are as they were.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rootless_build.bundles.staging import Staging
from rootless_build.files.copying import copy_data
from rootless_build.files.tree import Seen, link_text, open_inside, remove, seen, walk


class Kept(Struct, frozen=True):
    """Paths of the files and links that are kept, and of what could not be, each with its error."""

    paths: tuple[str, ...]
    left_out: Mapping[str, OSError]


def keep(staging: Staging, place: Path) -> Kept:
    """Move the files and links that a failed container wrote to the directory `place`.

    They take the place of what is there; without any, nothing changes. What can't be read or moved
    is left out. The modes of directories that are staged change. Raises OSError.
    """
    left_out: dict[str, OSError] = {}
    written = {
        path: now
        for path, now in _readable(staging.path, left_out).items()
        if staging.given.get(path) != now
    }
    if not written:
        return Kept((), left_out)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        for path, (mode, *_) in written.items():
            try:
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                _move(staging.path, path, new / path, mode)
            except OSError as error:
                left_out[path] = error
        kept = tuple(path for path in written if path not in left_out)
        if kept:
            remove(place)
            new.rename(place)
    finally:
        with contextlib.suppress(OSError):
            remove(new)
    return Kept(kept, left_out)


def _readable(root: Path, left_out: dict[str, OSError]) -> dict[str, Seen]:
    """The files and links of a tree, all directories of which can be read and written now."""
    found = {}
    root.chmod(0o700)
    for entry in walk(root, failed=left_out.__setitem__):
        mode = entry.status.st_mode
        if stat.S_ISDIR(mode):
            if mode & 0o700 != 0o700:
                with contextlib.suppress(OSError):  # another user's; the walk says what it hides
                    (root / entry.path).chmod(0o700)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            found[entry.path] = seen(entry.status)
    return found


def _move(root: Path, path: str, target: Path, mode: int) -> None:
    source = root / path
    # Nobody runs it as somebody else, and its owner may read it.
    safe = mode & 0o777 | 0o600
    if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) != safe:
        source.chmod(safe)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system.
        _copy(root, path, target, safe if stat.S_ISREG(mode) else None)


def _copy(root: Path, path: str, target: Path, mode: int | None) -> None:
    """`mode` is a file's, None a link's."""
    if mode is None:
        target.symlink_to(link_text(root / path))
        return
    with open_inside(root, path) as source:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            copy_data(source.fileno(), descriptor)
        except OSError:
            target.unlink()
            raise
        finally:
            os.close(descriptor)
    target.chmod(mode)
