"""A file that is one process's for as long as that lives: two runs do not write the same one.

The lock is flock(2)'s, on what has the file's name: the kernel takes it away with the process,
however that ends. Where a file system has no such locks nothing is claimed, and whoever writes last
is read.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from rootless_build.files.replacing import unfinished_beside


class ClaimedError(Exception):
    """Another process that lives has claimed the file."""


class Claim:
    """A file with this process's content. `release` gives it up; so does the process's end."""

    def __init__(self, file: Path, content: bytes, mode: int = 0o600) -> None:
        """Raises ClaimedError, and OSError; the file stays as it was then."""
        self._file = file
        self._descriptor, unfinished = unfinished_beside(file)
        try:
            with open(self._descriptor, "wb", closefd=False) as written:  # a descriptor has no path
                written.write(content)
            os.fchmod(self._descriptor, mode)
            # Whoever finds it by its name finds it locked.
            _lock(self._descriptor)
            while not _put_in_place(unfinished, file):
                pass
        except BaseException:
            os.close(self._descriptor)
            raise
        finally:
            Path(unfinished).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise ClaimedError where somebody took the file away, and another process claimed it."""
        there = _opened(self._file)
        if there is None:
            return
        try:
            own = os.path.samestat(os.fstat(self._descriptor), os.fstat(there))
            if not own and not _lock(there):
                raise ClaimedError
        finally:
            os.close(there)

    def release(self) -> None:
        """Give it up."""
        os.close(self._descriptor)


def _put_in_place(unfinished: str, file: Path) -> bool:
    """Give a file its name; False where what had that changed meanwhile. Raises ClaimedError."""
    before = _opened(file)
    if before is None:
        try:
            os.link(unfinished, file)
        except FileExistsError:
            # A file that nobody may read can't be looked at.
            if os.access(file, os.R_OK):
                return False
            os.replace(unfinished, file)  # a name, not a path
        except OSError:
            # Not every file system has links.
            os.replace(unfinished, file)
        return True
    try:
        if not _lock(before):
            raise ClaimedError
        if not _is_at(before, file):
            return False
        os.replace(unfinished, file)
    finally:
        os.close(before)
    return True


def _opened(file: Path) -> int | None:
    """What has the name, open; None where nothing has, or nobody may read it."""
    try:
        return os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, PermissionError):
        return None


def _lock(descriptor: int) -> bool:
    """Lock an open file; whether no other process has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # The file system has no such locks.
        return True
    return True


def _is_at(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.lstat())
    except FileNotFoundError:
        return False
