"""A shell for an image that has nothing else: this host's, so that no image has to be there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from errno import ENOENT
from pathlib import Path
from typing import Final

from rootless_build.process import programs

APPLETS: Final = ("sh", "readlink", "stat")
"""What the questions need."""
_INTERPRETER: Final = 3
"""PT_INTERP of elf(5)."""
_HEADERS: Final = ((32, 8), (54, 2), (56, 2))
"""Where an ELF file says where its program headers are, of what size, and how many."""


def put_shell(root: Path) -> None:
    """Put sh, readlink and stat into /bin of a directory: see `put_programs`."""
    put_programs(root, APPLETS)


def put_programs(root: Path, names: Sequence[str]) -> None:
    """Put programs into /bin of a directory that becomes an image's root.

    They are a static busybox's, else this host's own with their libraries. Raises OSError where
    neither is to be had.
    """
    directory = root / "bin"
    directory.mkdir(parents=True)
    busybox = programs.which("busybox")
    if busybox is not None and _is_static(busybox):
        shutil.copy(busybox, directory / "busybox")
        for name in names:
            (directory / name).symlink_to("busybox")
        return
    for name in names:
        _put_program(name, root)


def _is_static(program: Path) -> bool:
    """Whether an ELF file of 64 bits asks for no dynamic linker."""
    with program.open("rb") as file:
        head = file.read(4096)
    if head[:6] != b"\x7fELF\x02\x01":
        return False
    begin, size, count = (_number(head[at : at + length]) for at, length in _HEADERS)
    kinds = (_number(head[begin + size * number :][:4]) for number in range(count))
    return _INTERPRETER not in kinds


def _number(word: bytes) -> int:
    return int.from_bytes(word, "little")


def _put_program(name: str, root: Path) -> None:
    program = programs.which(name)
    told = programs.capture(["ldd", str(program)]) if program else None
    if program is None or told is None or told.status != 0:
        raise FileNotFoundError(ENOENT, "there is no such program, or none of this host's", name)
    shutil.copy(program, root / "bin" / name)
    for word in told.text.split():
        if word.startswith("/"):
            library = root / word.lstrip("/")
            library.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, library)
