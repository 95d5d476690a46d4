"""The files of a build context: what they hold, as digests, and whether some are ignored.

A source that is a link is what the link leads to, in the context alone, as with BuildKit
(`rootless_build.files.below`). Links below a source stay links.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct, field

from rootless_build.files import below
from rootless_build.files.tree import link_text
from rootless_build.files.way import Descent
from rootless_build.images.containerfile.patterns import PatternError, Patterns

_CHUNK: Final = 1024 * 1024
_WILDCARDS: Final = frozenset("*?[")
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


Entry = tuple[bytes, int, bytes]
"""A path relative to the context, the mode, and the sha256 of what is there: of a file its bytes,
of a link its text, of a device its number; zeroes of a directory.
"""


class _Found(NamedTuple):
    """Something below a source; `path` is relative to the context, without links on the way."""

    path: str
    status: os.stat_result
    ignored: bool


class BuildContext(Struct):
    """A directory without what is ignored. Digests are computed once.

    Raises OSError for what can't be read, PatternError for an ignore file that rbuild can't read.
    """

    root: Path
    ignored: Patterns = field(default_factory=lambda: Patterns(()))
    _digests: dict[str, str] = {}

    def digest(self, source: str) -> str:
        """A sha256, in hex, of what is at `source`: names, modes, links and bytes.

        What is not there counts as that; wildcards stand for the whole context.
        """
        name = "" if has_wildcards(source) else _inside(source)
        if name not in self._digests:
            self._digests[name] = self._compute_digest(name)
        return self._digests[name]

    def real(self, source: str) -> str | None:
        """What `source` leads to without links; None for what the context does not have."""
        try:
            return below.resolved(self.root, source)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def ignores_any(self, source: str) -> bool:
        """Whether something at `source` is ignored."""
        path = self.real(source)
        if not self.ignored or path is None:
            return False
        return any(found.ignored for found in self._walk(path, everything=True))

    def _is_directory(self, place: str) -> bool:
        return stat.S_ISDIR(os.lstat(self.root / place).st_mode)

    def _is_left_out(self, path: str) -> bool:
        try:
            return bool(self.ignored) and self.ignored.match(path)
        except PatternError as error:
            raise PatternError(f"the ignore file: {error}") from error

    def _walk(self, source: str, *, everything: bool) -> Iterator[_Found]:
        """What is below `source`, a directory before what is in it; `everything`: what is ignored
        too.
        """
        pending = [source]
        with Descent(self.root) as descent:
            while pending:
                directory = pending.pop()
                deeper = []
                for found in self._list(directory, descent):
                    if everything or not found.ignored:
                        yield found
                    enters = not found.ignored or self.ignored.exceptions
                    if enters and stat.S_ISDIR(found.status.st_mode):
                        deeper.append(found.path)
                pending += reversed(deeper)

    def _list(self, directory: str, descent: Descent) -> list[_Found]:
        try:
            with os.scandir(descent.to(directory)) as entries:
                seen = sorted((e.name, e.stat(follow_symlinks=False)) for e in entries)
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise
        paths = (f"{directory}/{name}" if directory else name for name, _ in seen)
        return [
            _Found(path, status, self._is_left_out(path))
            for path, (_, status) in zip(paths, seen, strict=True)
        ]

    def _compute_digest(self, source: str) -> str:
        place = self.real(source)
        if place is None:
            return hashlib.sha256(b"missing").hexdigest()
        return digest_of(os.fsencode(place), self._entries(place))

    def _entries(self, place: str) -> Iterator[Entry]:
        if place:
            yield self._entry(place, os.lstat(self.root / place))
        if not place or self._is_directory(place):
            for found in self._walk(place, everything=False):
                yield self._entry(found.path, found.status)

    def _entry(self, path: str, status: os.stat_result) -> Entry:
        content = hashlib.sha256()
        if stat.S_ISDIR(status.st_mode):
            return os.fsencode(path), status.st_mode, bytes(content.digest_size)
        if stat.S_ISLNK(status.st_mode):
            content.update(os.fsencode(self._link(path)))
        elif stat.S_ISREG(status.st_mode):
            with below.opened_file(self.root, path) as file:
                while block := file.read(_CHUNK):
                    content.update(block)
        else:
            content.update(b"%d" % status.st_rdev)
        return os.fsencode(path), status.st_mode, content.digest()

    def _link(self, path: str) -> str:
        return link_text(self.root / path)


def digest_of(place: bytes, entries: Iterable[Entry]) -> str:
    """A sha256, in hex, of what is at a place, and below: of each its name from there, mode, and
    content, in whatever order they come.
    """
    total = hashlib.sha256()
    for path, mode, content in sorted(entries):
        total.update(b"%b\0%o %b" % (path[len(place) :], mode, content))
    return total.hexdigest()


def has_wildcards(source: str) -> bool:
    """Whether a source stands for more than one path."""
    return bool(_WILDCARDS.intersection(source))


def _inside(source: str) -> str:
    """A path in the context, which nothing leads out of."""
    return os.path.normpath("/" + source).lstrip("/")
