"""Checksum files beside binaries that have none, as Docker's own scripts made them up to 20.10."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from rootless_build.bundles.listing import Kind, kind_of
from rootless_build.bundles.verification import is_checksum_file
from rootless_build.files.tree import CHUNK, open_inside, real, walk
from rootless_build.files.way import opened_directory

_BINARIES: Final = frozenset({Kind.ELF, Kind.PE, Kind.MACH_O})
_ALGORITHMS: Final = ("md5", "sha256")


def write_checksums(directory: Path, start: str = "") -> tuple[str, ...]:
    """Write `NAME.md5` and `NAME.sha256` for every binary and script below `directory/start`.

    Whatever has such a name already stays, links to nothing too, which are not followed. The
    content is what md5sum and sha256sum print. Returns the paths of the new files, relative to
    `directory`.
    """
    root = real(directory)
    made = []
    for entry in tuple(walk(root, start)):
        if not stat.S_ISREG(entry.status.st_mode) or is_checksum_file(entry.path):
            continue
        missing = [a for a in _ALGORITHMS if not os.path.lexists(root / f"{entry.path}.{a}")]
        if not missing or not _is_binary(root, entry.path, entry.status.st_mode):
            continue
        digests = {name: hashlib.new(name, usedforsecurity=False) for name in missing}
        with open_inside(root, entry.path) as file:
            while chunk := file.read(CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
        parent, name = os.path.split(entry.path)
        with opened_directory(root, parent) as place:
            for algorithm, digest in digests.items():
                _write_new(f"{name}.{algorithm}", place, _line(digest.hexdigest(), name))
                made.append(f"{entry.path}.{algorithm}")
    return tuple(made)


def _line(digest: str, name: str) -> bytes:
    """A line as md5sum writes it: a backslash says that the name is escaped (coreutils 9.1)."""
    given = os.fsencode(name)
    escaped = given.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"\\" if escaped != given else b""
    return mark + digest.encode() + b"  " + escaped + b"\n"


def _write_new(name: str, directory: int, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o666, dir_fd=directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _is_binary(root: Path, path: str, mode: int) -> bool:
    with open_inside(root, path) as file:
        kind = kind_of(file.read(4))
    return kind in _BINARIES or (kind is Kind.SCRIPT and bool(mode & 0o111))
