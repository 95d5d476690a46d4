"""What an ELF file says of itself. Importing this module imports pyelftools, which takes 60 ms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO, Final

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from msgspec import Struct

# What linkers make stays far below; each is read one by one.
_MOST_SEGMENTS: Final = 64
_MOST_SECTIONS: Final = 4_096
_LARGEST_DYNAMIC: Final = 64 * 1024
_MOST_NAMED: Final = 10_000
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


class Executable(Struct, frozen=True):
    """`architecture` is Go's name for it, `linkage` static or dynamic; that of a damaged file is
    empty.
    """

    architecture: str
    linkage: str = ""


def executable(file: BinaryIO, size: int) -> Executable:
    """What a file that begins as an ELF file does is."""
    architecture = ""
    try:
        elf = ELFFile(file)
        architecture = _architecture(elf)
        # Before reading the tables: their length is what the file says of itself.
        if _reaches_beyond(elf, size) or _has_too_many(elf):
            return Executable(architecture)
        segments = list(elf.iter_segments())
        if any(part["p_offset"] + part["p_filesz"] > size for part in segments):
            return Executable(architecture)
        # A static position-independent executable has a dynamic segment too, and needs nothing.
        dynamic = any(part["p_type"] == "PT_INTERP" for part in segments) or any(
            tag.entry.d_tag == "DT_NEEDED"
            for part in segments
            if isinstance(part, DynamicSegment)
            for tag in part.iter_tags()
        )
    except Exception:  # its parsers raise a dozen types on damaged files
        return Executable(architecture)
    return Executable(architecture, "dynamic" if dynamic else "static")


def sections(file: BinaryIO) -> list[tuple[str, int, int]]:
    """Name, begin and end in the file; none for what is no ELF file, or a damaged one."""
    file.seek(0)
    try:
        return [
            (str(s.name), int(s["sh_offset"]), int(s["sh_offset"]) + int(s["sh_size"]))
            for s in islice(ELFFile(file).iter_sections(), _MOST_NAMED)
            if s["sh_type"] not in {"SHT_NOBITS", "SHT_NULL"}
        ]
    except (ELFError, ValueError, KeyError, OverflowError, UnicodeDecodeError):
        return []


def _architecture(elf: ELFFile) -> str:
    found = str(_GO_NAMES.get(elf.header["e_machine"]) or elf.get_machine_arch())
    return "ppc64le" if found == "ppc64" and elf.little_endian else found


def _reaches_beyond(elf: ELFFile, size: int) -> bool:
    header = elf.header
    table = header["e_phoff"] + elf.num_segments() * header["e_phentsize"]
    of_sections = header["e_shoff"] + header["e_shnum"] * header["e_shentsize"]
    nowhere = elf.num_segments() and not header["e_phentsize"]
    return bool(max(table, of_sections) > size or nowhere)


def _has_too_many(elf: ELFFile) -> bool:
    if elf.num_segments() > _MOST_SEGMENTS or elf.header["e_shnum"] > _MOST_SECTIONS:
        return True
    sizes = [part["p_filesz"] for part in _program_headers(elf) if part["p_type"] == "PT_DYNAMIC"]
    return len(sizes) > 1 or sum(sizes) > _LARGEST_DYNAMIC


def _program_headers(elf: ELFFile) -> Iterator[Mapping[str, Any]]:
    """Without what they are about: elftools reads a whole dynamic segment to make one of it."""
    header, parser = elf.header, elf.structs.Elf_Phdr
    for number in range(elf.num_segments()):
        elf.stream.seek(header["e_phoff"] + number * header["e_phentsize"])
        yield parser.parse_stream(elf.stream)
