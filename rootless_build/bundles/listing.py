"""What is in the bundles, for `rbuild bundles list`."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

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

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile


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
# What linkers make stays far below; each is read one by one.
_MOST_SEGMENTS: Final = 64
_MOST_SECTIONS: Final = 4_096
_LARGEST_DYNAMIC: Final = 64 * 1024
_OWN: Final = {NAME: Kind.PROVENANCE, SIGNED: Kind.SIGNED_PROVENANCE}
_GO_NAMES: Final = {
    "EM_386": "386",
    "EM_AARCH64": "arm64",
    "EM_ARM": "arm",
    "EM_LOONGARCH": "loong64",
    "EM_PPC64": "ppc64",
    "EM_RISCV": "riscv64",
    "EM_S390": "s390x",
    "EM_X86_64": "amd64",
}


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
    from elftools.elf.dynamic import DynamicSegment  # noqa: PLC0415
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    architecture = ""
    try:
        elf = ELFFile(file)
        header = elf.header
        architecture = _GO_NAMES.get(header["e_machine"]) or elf.get_machine_arch()
        if architecture == "ppc64" and elf.little_endian:
            architecture = "ppc64le"
        table = header["e_phoff"] + elf.num_segments() * header["e_phentsize"]
        sections = header["e_shoff"] + header["e_shnum"] * header["e_shentsize"]
        # Before reading the table: its length is what the file says of itself.
        if max(table, sections) > size or (elf.num_segments() and not header["e_phentsize"]):
            return Kind.DAMAGED_ELF, architecture, ""
        if elf.num_segments() > _MOST_SEGMENTS or header["e_shnum"] > _MOST_SECTIONS:
            return Kind.DAMAGED_ELF, architecture, ""
        dynamic_sizes = [
            part["p_filesz"] for part in _program_headers(elf) if part["p_type"] == "PT_DYNAMIC"
        ]
        if len(dynamic_sizes) > 1 or sum(dynamic_sizes) > _LARGEST_DYNAMIC:
            return Kind.DAMAGED_ELF, architecture, ""
        segments = list(elf.iter_segments())
        if any(part["p_offset"] + part["p_filesz"] > size for part in segments):
            return Kind.DAMAGED_ELF, architecture, ""
        # A static position-independent executable has a dynamic segment too, and needs nothing.
        dynamic = any(part["p_type"] == "PT_INTERP" for part in segments) or any(
            tag.entry.d_tag == "DT_NEEDED"
            for part in segments
            if isinstance(part, DynamicSegment)
            for tag in part.iter_tags()
        )
    except Exception:  # its parsers raise a dozen types on damaged files
        return Kind.DAMAGED_ELF, architecture, ""
    return Kind.ELF, architecture, "dynamic" if dynamic else "static"


def _program_headers(elf: ELFFile) -> Iterator[Mapping[str, Any]]:
    """Without what they are about: elftools reads a whole dynamic segment to make one of it."""
    header, parser = elf.header, elf.structs.Elf_Phdr
    for number in range(elf.num_segments()):
        elf.stream.seek(header["e_phoff"] + number * header["e_phentsize"])
        yield parser.parse_stream(elf.stream)
