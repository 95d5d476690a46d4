"""The files of the bundles with their digests, for programs that go on with them."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct

from rootless_build.bundles import provenance, statement
from rootless_build.files.tree import link_text


class DigestedFile(Struct, frozen=True):
    """A file or a link: `path` is relative to the bundles' `directory`, `size` in bytes. A file has
    its sha256, in hex, a link what it says. `new`: the run made or changed it.
    """

    directory: Path
    path: str
    size: int
    sha256: str | None
    link: str | None
    new: bool


def digested(directory: Path, new: Collection[str]) -> Iterator[DigestedFile]:
    """What provenance names in a bundles directory, and the paths that are `new`, sorted; what is
    gone is left out. Raises OSError.
    """
    known = dict(provenance.digests(directory))
    for path in sorted({*known, *new}):
        place = directory / path
        try:
            status = place.lstat()
        except FileNotFoundError:
            continue
        link = link_text(place) if stat.S_ISLNK(status.st_mode) else None
        is_file = stat.S_ISREG(status.st_mode)
        digest = (known.get(path) or statement.digest(directory, path)) if is_file else None
        yield DigestedFile(directory, path, status.st_size, digest, link, path in new)
