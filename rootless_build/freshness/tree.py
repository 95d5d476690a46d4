"""A directory tree as one digest: what a container or an image build would see of it.

Of every file the path, type, permissions, extended attributes and content count, of a link its
text, of a file with several names in the tree which they are; times and owners do not. Files of a
directory are compared with the index all at once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.freshness.filesystems import FileSystems
from rootless_build.freshness.ignore import Rules
from rootless_build.freshness.index import DIGEST, NUMBERS, RACY, Directory, Index, forget, pack
from rootless_build.process import identities
from rootless_build.process.proc import umask

_CHUNK: Final = 1024 * 1024
_XATTRS: Final = ("security.capability", "security.ima", "user.", "system.")
"""Extended attributes that engines copy into images (buildah's copier), and access control lists,
which decide what a container may do to a mounted file.
"""
_NO_XATTRS: Final = frozenset({errno.ENOTSUP, errno.ENODATA, errno.EPERM, errno.EACCES})
_LISTED: Final = 20
_MOST_FILES: Final = 2_000_000
_MOST_BYTES: Final = 16 * 1024**3
"""More than that is no source tree, but somebody's disk."""
_MISSING: Final = b"\0" * DIGEST


class Tree(Struct, frozen=True):
    """`digest` is 64 hex digits. `changed` names the first files that are new, other or gone since
    the index was written; `read` counts those that had to be read. `index` has them all as they are
    now.
    """

    digest: str
    read: int
    changed: tuple[str, ...] = ()
    index: Index | None = None


def scan(
    root: Path,
    index: Index | None = None,
    rules: Rules | None = None,
    skip: frozenset[Path] = frozenset(),
) -> Tree:
    """Look at everything below `root`, with links not followed.

    `skip` are absolute paths of directories that do not count, nor do this process's own staging
    directories beside them. A missing root counts as an empty directory, which it becomes when it
    is mounted. The index is brought up to date. Raises OSError for what can't be read.
    """
    made = _Scan(os.fspath(root), index or Index())
    if root.is_dir():
        made.whole(_Walk(made.root, rules or None, skip))
    elif os.path.lexists(root):
        made.single()
    else:
        made.missing()
    return made.result()


_Entries = list[tuple[str, os.stat_result]]


class _Walk:
    """The directories below a root in the order of their paths, each with the entries that count:
    the path relative to the root, the whole one, names and states.

    A directory that is left out is in an image all the same where something in it is not.
    """

    def __init__(self, root: str, rules: Rules | None, skip: frozenset[Path]) -> None:
        self._root = root
        self._rules = rules
        self._skip = {os.fspath(path) for path in skip}
        self._staging = tuple(
            os.fspath(path.parent / f".{path.name}.rbuild.{identities.of_this()}.") for path in skip
        )
        self._left_out: dict[str, int] = {}

    def above(self, relative: str) -> Iterator[tuple[str, int]]:
        """The directories that are left out and have this one of those that counts, or are it: each
        once, with its mode.
        """
        while relative and self._left_out:
            if (mode := self._left_out.pop(relative, None)) is not None:
                yield relative, mode
            relative = relative.rpartition("/")[0]

    def __iter__(self) -> Iterator[tuple[str, str, _Entries]]:
        match = None if self._rules is None else self._rules.match
        pending = [""]
        while pending:
            relative = pending.pop()
            place = f"{self._root}/{relative}" if relative else self._root
            entries: _Entries = []
            below: list[str] = []
            with os.scandir(place) as listed:
                found = sorted(listed, key=_name)
            for entry in found:
                name = entry.name
                path = f"{relative}/{name}" if relative else name
                counts = look_below = True
                if match is not None:
                    left_out, look_below = match(path)
                    counts = not left_out
                if not counts and not look_below:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._skip and self._is_skipped(entry.path):
                        continue
                    below.append(path)
                    if not counts:
                        self._left_out[path] = entry.stat(follow_symlinks=False).st_mode
                if counts:
                    entries.append((name, entry.stat(follow_symlinks=False)))
            if entries or not relative:
                yield relative, place, entries
            below.reverse()
            pending += below

    def _is_skipped(self, path: str) -> bool:
        return path in self._skip or path.startswith(self._staging)


class _Scan:
    """The digest of one tree while it is made, directory by directory."""

    def __init__(self, root: str, index: Index) -> None:
        self.root = root
        self._index = index
        self._reader = _Reader(root)
        self._total = hashlib.sha256()
        self._visited: set[bytes] = set()
        self._links: dict[tuple[int, int], bytes] = {}
        self._files = 0
        self._changed: list[str] = []

    def result(self) -> Tree:
        """Write the index, and say what was found."""
        had = bool(self._index.known)
        gone = self._index.known.keys() - self._visited
        for path in sorted(gone)[:_LISTED]:
            self._note(path, b"")
        self._index.save(gone)
        # To an empty index everything is new.
        changed = tuple(self._changed) if had else ()
        return Tree(self._total.hexdigest(), self._reader.files, changed, self._index)

    def missing(self) -> None:
        """Take in a root that is not there."""
        self._total.update(b"%o" % (stat.S_IFDIR | 0o777 & ~umask()))
        self._add(b"", self.root, [])

    def single(self) -> None:
        """Take in a root that is a file."""
        root = Path(self.root)
        self._add(b"", os.fspath(root.parent), [(root.name, root.stat())])

    def whole(self, walk: _Walk) -> None:
        """Take in a root that is a directory."""
        status = os.stat(self.root)
        self._total.update(b"%o" % status.st_mode + _attributes(self.root))
        for relative, place, entries in walk:
            for path, mode in walk.above(relative):
                self._total.update(b"%o %b\0" % (mode, os.fsencode(path)))
            self._add(os.fsencode(relative), place, entries)

    def _add(self, relative: bytes, place: str, entries: _Entries) -> None:
        """Take in one directory."""
        names = os.fsencode("\0".join([name for name, _ in entries]))
        numbers: list[int] = []
        shared = b""
        for name, status in entries:
            kind = status.st_mode & 0o170000
            if kind == stat.S_IFDIR:
                # What else a directory has is told by what is in it.
                attributes = _attributes(f"{place}/{name}")
                numbers += (status.st_mode, *_numbers(attributes), 0, 0)
                continue
            numbers += (
                status.st_mode,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino & 0x7FFF_FFFF_FFFF_FFFF,
            )
            if status.st_nlink > 1:
                shared += self._other_name(relative, name, status)
        states = pack(numbers)
        self._visited.add(relative)
        self._files += len(entries)
        if self._files > _MOST_FILES:
            raise _too_much(self.root)
        known = self._index.get(relative)
        if known is None or known.states != states or known.names != names:
            known = self._compare(relative, place, entries, names, states, known)
        total = known.total
        if shared:
            total = hashlib.sha256(total + shared).digest()
        self._total.update(b"%d:%b%b" % (len(relative), relative, total))

    def _other_name(self, relative: bytes, name: str, status: os.stat_result) -> bytes:
        """Which file of the tree, seen before, this one is another name of."""
        here = relative + b"/" + os.fsencode(name)
        first = self._links.setdefault((status.st_dev, status.st_ino), here)
        return b"" if first is here else here + b"\0" + first + b"\0"

    def _compare(
        self,
        relative: bytes,
        place: str,
        entries: _Entries,
        names: bytes,
        states: bytes,
        known: Directory | None,
    ) -> Directory:
        """Note what changed in a directory, and remember it as it is now."""
        before = known.files() if known is not None else {}
        digests = bytearray()
        remembered = bytearray(states)
        total = hashlib.sha256()
        size = NUMBERS * 8
        for number, (name, status) in enumerate(entries):
            encoded = os.fsencode(name)
            state = states[number * size : (number + 1) * size]
            old_state, old = before.pop(encoded, (b"", _MISSING))
            path = f"{place}/{name}"
            digest = old if old_state == state else self._reader.digest(path, status)
            if digest != old or old_state[:8] != state[:8]:
                self._note(relative, encoded)
            if not self._reader.may_be_remembered(path, status):
                forget(remembered, number)
            digests += digest
            total.update(b"%o %b\0%b" % (status.st_mode, encoded, digest))
        for encoded in before:
            if encoded:
                self._note(relative, encoded)
        made = Directory(names, bytes(remembered), bytes(digests), total.digest())
        self._index.put(relative, made)
        return made

    def _note(self, relative: bytes, name: bytes) -> None:
        """Put down a path that changed."""
        path = os.fsdecode(b"/".join(part for part in (relative, name) if part))
        # A directory that is gone is missing in the one above it too.
        if len(self._changed) < _LISTED and path not in self._changed:
            self._changed.append(path)


class _Reader:
    """Reads files of the tree, and counts what it read."""

    def __init__(self, root: str) -> None:
        self.files = 0
        self._root = root
        self._bytes = 0
        # Before the first file is looked at: one that changes while it is read counts as racy.
        self._started = time.time_ns()
        self._file_systems = FileSystems()

    def may_be_remembered(self, path: str, status: os.stat_result) -> bool:
        """Whether a later scan can tell by the file's state that it is as it was."""
        if stat.S_ISDIR(status.st_mode):
            return True
        if max(status.st_ctime_ns, status.st_mtime_ns) > self._started - RACY:
            return False
        return self._file_systems.tell_changes(status.st_dev, path)

    def digest(self, path: str, status: os.stat_result) -> bytes:
        """What stands for the content and the extended attributes of a file."""
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            attributes = _attributes(path)
            return hashlib.sha256(attributes).digest() if attributes else _MISSING
        self.files += 1
        if kind == stat.S_IFLNK:
            return hashlib.sha256(os.fsencode(os.readlink(path))).digest()
        if kind != stat.S_IFREG:
            return hashlib.sha256(b"%d" % status.st_rdev).digest()
        self._bytes += status.st_size
        if self._bytes > _MOST_BYTES:
            raise _too_much(self._root)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            digest = _content_digest(descriptor, status.st_size)
            attributes = _attributes(descriptor)
        finally:
            os.close(descriptor)
        return hashlib.sha256(digest + attributes).digest() if attributes else digest


def _content_digest(descriptor: int, size: int) -> bytes:
    """The digest of a file that should be that large."""
    chunk = os.read(descriptor, min(size + 1, _CHUNK))
    if len(chunk) == size < _CHUNK:
        # It has not grown, so that was all: half of what a small file costs.
        return hashlib.sha256(chunk).digest()
    made = hashlib.sha256(chunk)
    while chunk and (chunk := os.read(descriptor, _CHUNK)):
        made.update(chunk)
    return made.digest()


def _too_much(root: str) -> OSError:
    return OSError(errno.EFBIG, "holds too much to be looked at", root)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _numbers(attributes: bytes) -> tuple[int, int]:
    """Two that stand for the attributes of a directory, 0 for none."""
    if not attributes:
        return 0, 0
    digest = hashlib.sha256(attributes).digest()
    return int.from_bytes(digest[:7]), int.from_bytes(digest[7:14])


def _attributes(file: int | str) -> bytes:
    """The extended attributes of an open file, or of a path that is no link."""
    try:
        names = os.listxattr(file)
        return b"".join(
            os.fsencode(name) + b"\0" + os.getxattr(file, name) + b"\0"
            for name in sorted(names)
            if name.startswith(_XATTRS)
        )
    except OSError as error:
        if error.errno in _NO_XATTRS:
            return b""
        raise
