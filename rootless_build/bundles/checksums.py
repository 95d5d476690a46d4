"""Checksum files beside binaries that have none, as Docker's own scripts made them up to 20.10."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Final

from rootless_build.bundles.listing import Kind, kind_of
from rootless_build.bundles.tree import CHUNK, open_inside, walk
from rootless_build.bundles.verification import is_checksum_file

_BINARIES: Final = frozenset({Kind.ELF, Kind.PE, Kind.MACH_O})
_ALGORITHMS: Final = ("md5", "sha256")


def write_checksums(directory: Path, start: str = "") -> tuple[str, ...]:
    """Write `NAME.md5` and `NAME.sha256` for every binary and script below `directory/start`.

    One that is there stays. The content is what md5sum and sha256sum print. Returns the paths of
    the new files, relative to `directory`.
    """
    root = directory.resolve()
    made = []
    for entry in tuple(walk(root, start)):
        if not stat.S_ISREG(entry.status.st_mode) or is_checksum_file(entry.path):
            continue
        missing = [a for a in _ALGORITHMS if not (root / f"{entry.path}.{a}").exists()]
        if not missing or not _is_binary(root, entry.path, entry.status.st_mode):
            continue
        digests = {name: hashlib.new(name, usedforsecurity=False) for name in missing}
        with open_inside(root, entry.path) as file:
            while chunk := file.read(CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
        for name, digest in digests.items():
            path = f"{entry.path}.{name}"
            text = f"{digest.hexdigest()}  {Path(entry.path).name}\n"
            (root / path).write_text(text, errors="surrogateescape")
            made.append(path)
    return tuple(made)


def _is_binary(root: Path, path: str, mode: int) -> bool:
    with open_inside(root, path) as file:
        kind = kind_of(file.read(4))
    return kind in _BINARIES or (kind is Kind.SCRIPT and bool(mode & 0o111))
