"""The files of a build context: what they hold, as digests, and copies of some of them.

A source that is a link is what the link leads to, in the context alone, as with BuildKit
(`rootless_build.files.below`). Links below a source stay links.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct, field

from rootless_build.files import below
from rootless_build.files.tree import link_text
from rootless_build.files.way import Descent, opened, opened_directory
from rootless_build.images.containerfile.patterns import PatternError, Patterns, file_name

_CHUNK: Final = 1024 * 1024
_WILDCARDS: Final = frozenset("*?[")
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


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

    def matches(self, pattern: str) -> list[str]:
        """The paths that a source with wildcards stands for, in order."""
        found = [""]
        for part in filter(None, _inside(pattern).split("/")):
            found = [each for path in found for each in self._below(path, part)]
        return [path for path in found if path == "" or not self._is_left_out(path)]

    def copy(self, source: str, target: Path, exclude: Patterns, include: Patterns) -> bool:
        """Copy what is at `source` to `target`; patterns are relative to `source`.

        Modes and times are kept. Directories that hold nothing that is included are left out. False
        where the context has nothing there.
        """
        place = self.real(source)
        if place is None or (place and self._is_left_out(place)):
            return False
        if not self._is_directory(place):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy(place, target)
            return True
        target.mkdir(parents=True, exist_ok=True)
        made = [(place, target)]
        for found in self._walk(place, everything=False):
            inner = found.path[len(place) :].lstrip("/")
            if exclude.match(inner) or (include and not include.match(inner)):
                continue
            made += _make_parents(place, target, inner)
            destination = target / inner
            if stat.S_ISDIR(found.status.st_mode):
                destination.mkdir(exist_ok=True)
                made.append((found.path, destination))
            else:
                self._copy(found.path, destination)
        for original, copied in reversed(made):
            with opened(self.root, original) as descriptor:
                shutil.copystat(f"/proc/self/fd/{descriptor}", copied)
        return True

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory."""
        place = self.real(path)
        return place is not None and self._is_directory(place)

    def _is_directory(self, place: str) -> bool:
        return stat.S_ISDIR(os.lstat(self.root / place).st_mode)

    def _is_left_out(self, path: str) -> bool:
        try:
            return bool(self.ignored) and self.ignored.match(path)
        except PatternError as error:
            raise PatternError(f"the ignore file: {error}") from error

    def _below(self, path: str, part: str) -> list[str]:
        place = self.real(path)
        if place is None:
            return []
        if not has_wildcards(part):
            names = [part] if os.path.lexists(self.root / place / part) else []
        else:
            wanted = file_name(part)
            names = sorted(filter(wanted.match, self._names(place)))
        return [f"{path}/{name}" if path else name for name in names]

    def _names(self, place: str) -> list[str]:
        try:
            with opened_directory(self.root, place) as directory:
                return [entry.name for entry in os.scandir(directory)]
        except OSError:
            return []

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
        total = hashlib.sha256()
        place = self.real(source)
        if place is None:
            total.update(b"missing")
            return total.hexdigest()
        if not self._is_directory(place):
            self._add(total, place, os.lstat(self.root / place), "")
        for found in self._walk(place, everything=False):
            self._add(total, found.path, found.status, found.path[len(place) :])
        return total.hexdigest()

    def _add(self, total: hashlib._Hash, path: str, status: os.stat_result, name: str) -> None:
        kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
        head = f"{name}\0{kind}\0{mode}\0{status.st_size}\0"
        if stat.S_ISDIR(status.st_mode):
            head = f"{name}\0directory\0{mode}\0"
        total.update(head.encode(errors="surrogateescape"))
        if stat.S_ISLNK(status.st_mode):
            total.update(os.fsencode(self._link(path)))
        elif stat.S_ISREG(status.st_mode):
            with below.opened_file(self.root, path) as file:
                while block := file.read(_CHUNK):
                    total.update(block)

    def _link(self, path: str) -> str:
        return link_text(self.root / path)

    def _copy(self, path: str, target: Path) -> None:
        """Of a file that the context has there; a socket is left out, as BuildKit does."""
        status = os.lstat(self.root / path)
        if stat.S_ISLNK(status.st_mode):
            target.symlink_to(self._link(path))
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(target)
            target.chmod(stat.S_IMODE(status.st_mode))
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        elif stat.S_ISREG(status.st_mode):
            with below.opened_file(self.root, path) as file, target.open("wb") as copied:
                shutil.copyfileobj(file, copied, _CHUNK)
                shutil.copystat(f"/proc/self/fd/{file.fileno()}", target)
        elif not stat.S_ISSOCK(status.st_mode):
            raise OSError(errno.ENOTSUP, "is a device", path)


def has_wildcards(source: str) -> bool:
    """Whether a source stands for more than one path."""
    return bool(_WILDCARDS.intersection(source))


def _inside(source: str) -> str:
    """A path in the context, which nothing leads out of."""
    return os.path.normpath("/" + source).lstrip("/")


def _make_parents(place: str, target: Path, inner: str) -> list[tuple[str, Path]]:
    made: list[tuple[str, Path]] = []
    parts = inner.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        if not (target / path).is_dir():
            (target / path).mkdir()
            made.append((f"{place}/{path}" if place else path, target / path))
    return made
