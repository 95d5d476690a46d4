"""Directories of the user's that last from run to run, in places where everybody may make one.

Engines keep locks, mount records and images in them. Their names are random, so that nobody can be
there first, and on record in the user's own directories, so that the next run finds them. What is
on record counts only while it is the user's own: anybody may have made another of its name since.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.model.errors import HostError
from rootless_build.process.locks import is_private

RECORDS: Final = "places"
"""Below rbuild's own data directory."""


class LastingDirectory(Struct, frozen=True):
    """A directory that the next run finds again. `kind` is what is kept in it (`run`, `storage`).

    `data` is where rbuild has its records, and `places` are where it may be made, the first that is
    safe. `old` is where earlier versions had it: what they left is the user's, and taken over.
    """

    kind: str
    data: Path
    places: tuple[Path, ...]
    old: Path

    @property
    def record(self) -> Path:
        """The file that names the directory, one for each host: they may share a home."""
        host = "".join(c if c.isalnum() else "-" for c in os.uname().nodename)
        return self.data / RECORDS / f"{self.kind}-{host}"

    def find(self) -> Path | None:
        """The directory on record, or of an earlier version, if it is there and is the user's."""
        for path in (_read(self.record), self.old):
            if path is not None and is_private(path):
                return path
        return None

    def find_or_make(self) -> Path:
        """The directory that `find` gives, else a new one. Raises HostError where it can't be."""
        try:
            with _lock(self.record.parent):
                found = self.find() or self._new()
                _write(self.record, found)
        except OSError:
            # A home that can't be written to: the next run looks for that name alone.
            found = self._make_without_record()
        return found

    def _new(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"rbuild-{self.kind}-", dir=self._place()))

    def _place(self) -> Path:
        for place in self.places:
            if is_safe(place):
                return place
        raise HostError(
            f"others can replace what is made in {', '.join(map(str, self.places))}",
            finding="no-runtime-directory",
            hint="set TMPDIR to a directory of your own",
        )

    def _make_without_record(self) -> Path:
        with suppress(OSError):  # it is there, or can't be made
            self.old.mkdir(mode=0o700)
        return self.old if is_private(self.old) else self._new()


def on_record(data: Path) -> Iterator[Path]:
    """All that are on record on any host, as far as they are here, and the user's."""
    for record in sorted((data / RECORDS).glob("*")):
        path = _read(record)
        if path is not None and is_private(path):
            yield path


def is_safe(place: Path) -> bool:
    """Whether nobody else but root can rename what is made in it: it is sticky, or theirs alone."""
    try:
        seen = place.stat()
    except OSError:
        return False
    if seen.st_mode & 0o022:
        return bool(seen.st_mode & stat.S_ISVTX) and os.access(place, os.W_OK | os.X_OK)
    return seen.st_uid in {0, os.geteuid()} and os.access(place, os.W_OK | os.X_OK)


def _read(record: Path) -> Path | None:
    name = os.fsdecode(plain.bytes_of(record, 4096))
    return Path(name) if name.startswith("/") and "\0" not in name else None


def _write(record: Path, found: Path) -> None:
    if _read(record) != found:
        replace_content(record, os.fsencode(found))


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Hold a lock, so that runs that begin together make one directory."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
