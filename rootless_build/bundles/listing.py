"""What is in the bundles, for `rbuild bundles list`."""

from __future__ import annotations

import codecs
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from rootless_build.bundles.statement import NAME, SIGNED
from rootless_build.bundles.verification import Findings, examine, is_checksum_file
from rootless_build.files.tree import (
    Entry,
    contents,
    leads_out,
    link_text,
    name_of,
    open_inside,
    readable,
    real,
)


class Kind(StrEnum):
    """What a file is, by its first bytes; rbuild's own, by their names."""

    ELF = "ELF"
    DAMAGED_ELF = "ELF (damaged)"
    PE = "PE"
    MACH_O = "Mach-O"
    SCRIPT = "script"
    GZIP = "gzip"
    ZIP = "zip"
    TEXT = "text"
    DATA = "data"
    EMPTY = "empty"
    PROVENANCE = "provenance"
    SIGNED_PROVENANCE = "signed provenance"
    SPECIAL = "special file"
    LINK = "link"
    DIRECTORY_LINK = "directory link"
    BROKEN_LINK = "broken link"
    OUTSIDE_LINK = "link out of the bundles"


class Checksum(StrEnum):
    """What the checksum files say. A link has the state of the file it leads to."""

    OK = "ok"
    BAD = "bad"
    NONE = "none"
    IS_CHECKSUM = "is-checksum"


class BundleFile(Struct, frozen=True):
    """A file or link in the bundles.

    `path` is relative to the bundles directory; `size` in bytes, of a link its own. `architecture`
    is Go's name (`amd64`, `arm64`, `ppc64le`, …; pyelftools' for others) and `linkage` `static` or
    `dynamic`; both are empty for what is no ELF file. `target` is a link's text, else empty.
    """

    path: str
    size: int
    kind: Kind
    checksum: Checksum
    architecture: str = ""
    linkage: str = ""
    target: str = ""

    @property
    def description(self) -> str:
        """Kind, architecture and linkage in words, and where a link leads."""
        words = " ".join(word for word in (self.kind, self.architecture, self.linkage) if word)
        return f"{words} to {self.target}" if self.target else words


_MAGIC: Final = (
    (b"\x7fELF", Kind.ELF),
    (b"MZ", Kind.PE),
    (b"\xcf\xfa\xed\xfe", Kind.MACH_O),
    (b"\xce\xfa\xed\xfe", Kind.MACH_O),
    (b"#!", Kind.SCRIPT),
    (b"\x1f\x8b", Kind.GZIP),
    (b"PK\x03\x04", Kind.ZIP),
)
_OWN: Final = {NAME: Kind.PROVENANCE, SIGNED: Kind.SIGNED_PROVENANCE}


def list_bundles(directory: Path) -> tuple[BundleFile, ...]:
    """Every file and link below `directory`, sorted by path; empty when it doesn't exist.

    Links to outside are named, never followed. Raises HostError when something can't be read.
    """
    root = real(directory)
    if not root.is_dir():
        return ()
    entries = contents(root)
    findings = examine(root, entries)
    with readable(root):
        found = [
            _describe(root, entry, findings)
            for entry in entries
            if not stat.S_ISDIR(entry.status.st_mode)
        ]
    return tuple(sorted(found, key=lambda file: file.path.split("/")))


def _describe(root: Path, entry: Entry, findings: Findings) -> BundleFile:
    kind, architecture, linkage, target, status = Kind.SPECIAL, "", "", "", entry.status
    if stat.S_ISLNK(status.st_mode):
        target = link_text(root / entry.path)
        kind, status = _link(root, entry, target)
    elif stat.S_ISREG(status.st_mode) and (own := _OWN.get(name_of(entry.path))):
        kind = own
    elif stat.S_ISREG(status.st_mode):
        with open_inside(root, entry.path) as file:
            kind, architecture, linkage = _content(file, status.st_size)
    return BundleFile(
        entry.path,
        entry.status.st_size,
        kind,
        _checksum(entry.path, status, findings),
        architecture,
        linkage,
        target,
    )


def _link(root: Path, entry: Entry, target: str) -> tuple[Kind, os.stat_result]:
    path = root / entry.path
    if leads_out(entry.path, target):
        return Kind.OUTSIDE_LINK, entry.status
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop, before Python 3.13
        return Kind.BROKEN_LINK, entry.status
    if not real.is_relative_to(root):  # by way of another link
        return Kind.OUTSIDE_LINK, entry.status
    return (Kind.DIRECTORY_LINK if real.is_dir() else Kind.LINK), real.stat()


def _checksum(path: str, status: os.stat_result, findings: Findings) -> Checksum:
    if is_checksum_file(path):
        return Checksum.BAD if path in findings.bad_checksum_files else Checksum.IS_CHECKSUM
    agrees = findings.claimed.get((status.st_dev, status.st_ino))
    if agrees is None:
        return Checksum.NONE
    return Checksum.OK if agrees else Checksum.BAD


def _content(file: BinaryIO, size: int) -> tuple[Kind, str, str]:
    head = file.read(4096)
    kind = kind_of(head)
    return _elf(file, size) if kind is Kind.ELF else (kind, "", "")


def kind_of(head: bytes) -> Kind:
    """What a file is whose first bytes these are; the more there are, the surer."""
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None) or _plain(head)


def _plain(head: bytes) -> Kind:
    if not head:
        return Kind.EMPTY
    try:
        # Incremental, since the last character may be cut in two.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return Kind.DATA
    return Kind.DATA if "\0" in text else Kind.TEXT


def _elf(file: BinaryIO, size: int) -> tuple[Kind, str, str]:
    # 60 ms, and only a listing needs it.
    from rootless_build.bundles.elf import executable  # noqa: PLC0415

    found = executable(file, size)
    kind = Kind.ELF if found.linkage else Kind.DAMAGED_ELF
    return kind, found.architecture, found.linkage
