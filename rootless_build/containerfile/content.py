"""The files of a build context: what they hold, as digests, and copies of some of them."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Final

from rootless_build.containerfile.patterns import Patterns
from rootless_build.data import dataclass

_CHUNK: Final = 1024 * 1024
_WILDCARDS: Final = frozenset("*?[")


@dataclass(slots=True)
class Content:
    """A directory without what is ignored. Digests are computed once."""

    root: Path
    ignored: Patterns = field(default_factory=lambda: Patterns(()))
    _digests: dict[str, str] = field(default_factory=dict)

    def digest(self, source: str) -> str:
        """A sha256, in hex, of what is at `source`: names, modes, links and bytes.

        What is not there counts as that; wildcards stand for the whole context.
        """
        name = "" if has_wildcards(source) else _inside(source)
        if name not in self._digests:
            self._digests[name] = self._computed(name)
        return self._digests[name]

    def ignores_any(self, source: str) -> bool:
        """Whether something at `source` is ignored."""
        if not self.ignored:
            return False
        name = _inside(source)
        return any(skipped for _, _, skipped in self._walk(name, everything=True))

    def matches(self, pattern: str) -> list[str]:
        """The paths that a source with wildcards stands for, in order."""
        found = [""]
        for part in filter(None, _inside(pattern).split("/")):
            found = [below for path in found for below in self._below(path, part)]
        return [path for path in found if path == "" or not self._left_out(path)]

    def copy(self, source: str, target: Path, exclude: Patterns, include: Patterns) -> bool:
        """Copy what is at `source` to `target`; patterns are relative to `source`.

        Modes and times are kept. Directories that hold nothing that is included are left out.
        """
        place = self.root / source
        if not place.is_dir():
            if not os.path.lexists(place):
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_file(place.resolve() if place.is_symlink() else place, target)
            return True
        target.mkdir(parents=True, exist_ok=True)
        made: list[tuple[Path, Path]] = [(place, target)]
        for path, entry, _ in self._walk(source, everything=False):
            inner = path[len(source) :].lstrip("/")
            if not inner or exclude.match(inner) or (include and not include.match(inner)):
                continue
            made += _make_parents(place, target, inner)
            destination = target / inner
            if entry.is_dir(follow_symlinks=False):
                destination.mkdir(exist_ok=True)
                made.append((place / inner, destination))
            else:
                _copy_file(Path(entry.path), destination)
        for original, copied in reversed(made):
            shutil.copystat(original, copied)
        return True

    def is_directory(self, path: str) -> bool:
        """Whether there is a directory."""
        return (self.root / path).is_dir()

    def _left_out(self, path: str) -> bool:
        return bool(self.ignored) and self.ignored.match(path)

    def _below(self, path: str, part: str) -> list[str]:
        if not has_wildcards(part):
            below = f"{path}/{part}" if path else part
            return [below] if os.path.lexists(self.root / below) else []
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = [below.name for below in (self.root / path).iterdir()]
        names = sorted(fnmatch.filter(names, part))
        return [f"{path}/{name}" if path else name for name in names]

    def _walk(
        self, source: str, *, everything: bool
    ) -> Iterator[tuple[str, os.DirEntry[str], bool]]:
        """What is below `source`, each with whether it is ignored; `everything`: those too."""
        try:
            with os.scandir(self.root / source) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except NotADirectoryError:
            return
        except FileNotFoundError:
            return
        for entry in found:
            path = f"{source}/{entry.name}" if source else entry.name
            skipped = self._left_out(path)
            if not skipped or everything:
                yield path, entry, skipped
            if entry.is_dir(follow_symlinks=False) and (not skipped or self.ignored.exceptions):
                yield from self._walk(path, everything=everything)

    def _computed(self, source: str) -> str:
        total = hashlib.sha256()
        place = self.root / source
        if not place.is_dir():
            _digest_file(total, place, "")
        for path, entry, _ in self._walk(source, everything=False):
            _digest_file(total, Path(entry.path), path[len(source) :])
        return total.hexdigest()


def has_wildcards(source: str) -> bool:
    """Whether a source stands for more than one path."""
    return bool(_WILDCARDS.intersection(source))


def _inside(source: str) -> str:
    """A path in the context, which nothing leads out of."""
    return os.path.normpath("/" + source).lstrip("/")


def _digest_file(total: hashlib._Hash, path: Path, name: str) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        total.update(b"missing")
        return
    head = (
        f"{name}\0{stat.S_IFMT(status.st_mode)}\0{stat.S_IMODE(status.st_mode)}\0{status.st_size}\0"
    )
    if stat.S_ISDIR(status.st_mode):
        head = f"{name}\0directory\0{stat.S_IMODE(status.st_mode)}\0"
    total.update(head.encode(errors="surrogateescape"))
    if stat.S_ISLNK(status.st_mode):
        total.update(os.fsencode(path.readlink()))
    elif stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                total.update(block)


def _make_parents(place: Path, target: Path, inner: str) -> list[tuple[Path, Path]]:
    made: list[tuple[Path, Path]] = []
    parts = inner.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        if not (target / path).is_dir():
            (target / path).mkdir()
            made.append((place / path, target / path))
    return made


def _copy_file(source: Path, target: Path) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
