"""The trees that COPY takes its files from, as the copying sees them: what is ignored is not there.

Paths are relative to the tree, without links on the way and empty for the tree itself.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol

from rootless_build.files.way import Descent
from rootless_build.images.containerfile.patterns import PatternError, Patterns
from rootless_build.images.layers.contents import HostFile
from rootless_build.images.layers.nodes import (
    SECOND,
    Node,
    is_too_long,
    is_whiteout,
    of_status,
)
from rootless_build.images.layers.problems import ChangedError, RefusedError

_SPECIAL: Final = re.compile(r"[*?\[\]\\^]")
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_REPLACED: Final = _ABSENT | {errno.EINVAL}
"""What is said of a directory, or a link, where there is none any more."""


class Lookup(Protocol):
    """What is needed of a tree to find what a path leads to."""

    def find(self, path: str) -> Node | None:
        """What is at a path itself, be it a link; None for nothing. Raises OSError."""


class Tree(Lookup, Protocol):
    """A tree that is walked."""

    def list(self, path: str) -> list[tuple[str, Node]]:
        """What is in a directory, by name. Raises OSError."""


class HostTree:
    """A directory of the host; `owned`: its files keep their owners, else they are root's.

    `modified` is the time of all files, in nanoseconds; None for their own. The tree itself has
    always `time`: that of a context, or of an image's root, is another on each host. `sent` means
    what is there at all, None everything, and `ignored` what of that is not.
    """

    def __init__(
        self,
        root: Path,
        time: int,
        *,
        ignored: Patterns | None = None,
        sent: Patterns | None = None,
        owned: bool = False,
        modified: int | None = None,
    ) -> None:
        self._root = root
        self._time = time
        self._ignored = ignored or None
        self._sent = sent
        self._owned = owned
        self._modified = modified
        self._descent = Descent(root)
        self._last: str | None = None
        self._descriptor = -1
        self._holds: dict[str, bool] = {}
        self._modes: dict[int, int] = {}

    def close(self) -> None:
        """No file of it is opened any more."""
        self._last = None
        self._descent.__exit__()

    def directory(self, path: str) -> int:
        """A descriptor of a directory, to which no link leads; the next one ends it."""
        if path != self._last:
            self._last = None
            self._descriptor = self._descent.to(path)
            self._last = path
        return self._descriptor

    def entries(self, directory: str) -> list[tuple[str, bool]]:
        """What is in a directory, whiteouts too, and of each whether it is one; nothing where there
        is none. Raises OSError.
        """
        try:
            with os.scandir(self.directory(directory)) as entries:
                return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def find(self, path: str) -> Node | None:
        """What is at a path itself, be it a link; None for nothing. Raises OSError."""
        if not path:
            return self._made("", "", self._root.stat())
        parent, _, name = path.rpartition("/")
        try:
            descriptor = self.directory(parent)
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT or (error.errno == errno.ENAMETOOLONG and is_too_long(path)):
                return None
            raise
        if self._is_gone(status) or not self._visible(path, status.st_mode):
            return None
        return self._made(parent, name, status)

    def list(self, path: str) -> list[tuple[str, Node]]:
        """What is in a directory that was found, by name. Raises OSError, ChangedError."""
        found: list[tuple[str, Node]] = []
        start = f"{path}/" if path else ""
        all_seen = self._ignored is None and self._sent is None
        try:
            with os.scandir(self.directory(path)) as entries:
                for entry in entries:
                    name = entry.name
                    status = self._status(entry, start)
                    if status is not None and (
                        all_seen or self._visible(start + name, status.st_mode)
                    ):
                        found.append((name, self._made(path, name, status)))
        except OSError as error:
            if error.errno in _REPLACED:
                raise ChangedError(path) from error
            raise
        found.sort(key=_NAME)
        return found

    def _status(self, entry: os.DirEntry[str], start: str) -> os.stat_result | None:
        """That of an entry of a directory; None for one that is not there in an image.

        Raises OSError, ChangedError.
        """
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError as error:
            if self._owned and _is_special(entry):
                return None  # a whiteout that an overlay lists, and does not find
            raise ChangedError(start + entry.name) from error
        return None if self._is_gone(status) else status

    def _is_gone(self, status: os.stat_result) -> bool:
        return self._owned and is_whiteout(status.st_mode, status.st_rdev)

    def _made(self, parent: str, name: str, status: os.stat_result) -> Node:
        node = of_status(status)
        # Of few modes each is once in memory, and not once a file.
        node.mode = self._modes.setdefault(node.mode, node.mode)
        kind = node.mode & 0o170000
        if kind == stat.S_IFREG:
            node.content = HostFile.seen(self, parent, name, status)
        elif kind == stat.S_IFLNK:
            node.link = self._link(parent, name)
        elif kind == stat.S_IFSOCK:
            # BuildKit copies a file that can't be opened.
            node.mode = stat.S_IFREG | stat.S_IMODE(node.mode)
        if not self._owned:
            node.uid = node.gid = 0
        if self._modified is not None:
            node.mtime = self._modified
        if not name:
            node.mtime = self._time
        return node

    def _link(self, parent: str, name: str) -> str:
        try:
            return os.readlink(name, dir_fd=self.directory(parent))
        except OSError as error:
            if error.errno in _REPLACED:
                raise ChangedError(f"{parent}/{name}" if parent else name) from error
            raise

    def _visible(self, path: str, mode: int) -> bool:
        """Whether the tree has it for us, or is it a directory in which it has something."""
        return self._is_meant(path) or (
            stat.S_ISDIR(mode) and self._may_hold(path) and self._holds_any(path)
        )

    def _is_meant(self, path: str) -> bool:
        try:
            if self._sent is not None and not self._sent.match(path):
                return False
            return self._ignored is None or not self._ignored.match(path)
        except PatternError as error:
            raise RefusedError(f"the ignore file: {error}") from error

    def _may_hold(self, directory: str) -> bool:
        """Whether it is worth a look what is in a directory that is not meant itself."""
        ignored = self._ignored
        if ignored is not None and not ignored.exceptions and ignored.match(directory):
            return False
        return self._sent is None or any(
            _reaches(pattern.text, directory) for pattern in self._sent.patterns
        )

    def _holds_any(self, top: str) -> bool:
        """Whether something below a directory that is not meant is."""
        known = self._holds.get(top)
        if known is None:
            known = self._holds[top] = self._look_below(top)
        return known

    def _look_below(self, top: str) -> bool:
        pending = [top]
        while pending:
            path = pending.pop()
            try:
                with os.scandir(self.directory(path)) as entries:
                    found = [(f"{path}/{e.name}", e.is_dir(follow_symlinks=False)) for e in entries]
            except PermissionError:
                continue  # as with BuildKit, where the directory itself is not meant
            except OSError as error:
                if error.errno in _REPLACED:
                    raise ChangedError(path) from error
                raise
            if any(self._is_meant(below) for below, _ in found):
                return True
            pending += [
                below for below, is_directory in found if is_directory and self._may_hold(below)
            ]
        return False


_NAME: Final = itemgetter(0)


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether a directory says of an entry that it is a device, a pipe or a socket."""
    return not (
        entry.is_file(follow_symlinks=False)
        or entry.is_dir(follow_symlinks=False)
        or entry.is_symlink()
    )


def _reaches(pattern: str, directory: str) -> bool:
    """Whether a pattern may mean something below a directory, as far as it has no wildcards."""
    plain = _SPECIAL.split(pattern, maxsplit=1)[0]
    start = plain if plain == pattern else plain.rpartition("/")[0]
    return not start or f"{start}/".startswith(f"{directory}/") or directory.startswith(f"{start}/")


def in_seconds(time: int | None) -> int | None:
    """Seconds as nanoseconds."""
    return None if time is None else time * SECOND
