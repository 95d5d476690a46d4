"""Programs of which platforms this host can run: its own, and those that binfmt_misc emulates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.model import platforms

_REGISTERED: Final = Path("/proc/sys/fs/binfmt_misc")
_ALSO: Final = {"amd64": ("386",), "arm64": ("arm",), "s390x": ("s390",)}
"""What kernels run besides programs of their own architecture."""
_SMALL, _BIG = "little", "big"
_MACHINES: Final = {
    "386": (1, _SMALL, 3),
    "amd64": (2, _SMALL, 62),
    "arm": (1, _SMALL, 40),
    "arm64": (2, _SMALL, 183),
    "loong64": (2, _SMALL, 258),
    "mips": (1, _BIG, 8),
    "mips64": (2, _BIG, 8),
    "mips64le": (2, _SMALL, 8),
    "mipsle": (1, _SMALL, 8),
    "ppc64": (2, _BIG, 21),
    "ppc64le": (2, _SMALL, 21),
    "riscv64": (2, _SMALL, 243),
    "s390x": (2, _BIG, 22),
}
"""ELF's class, order of bytes and machine (elf(5))."""


def can_run(platform: str, registered: Path = _REGISTERED) -> bool:
    """Whether containers of this host can run programs of a platform.

    `registered` is where the kernel shows what it starts an interpreter for.
    """
    wanted, here = platforms.parse(platform), platforms.parse(platforms.host())
    if wanted.system != here.system:
        return False
    own = (here.architecture, *_ALSO.get(here.architecture, ()))
    if wanted.architecture in own:
        return True
    header = _header(wanted.architecture)
    return header is not None and any(_takes(each, header) for each in _entries(registered))


def _header(architecture: str) -> bytes | None:
    """How a program of the architecture begins; None for one that is not known here."""
    if architecture not in _MACHINES:
        return None
    bits, order, machine = _MACHINES[architecture]
    ident = bytes((0x7F, *b"ELF", bits, 1 if order == _SMALL else 2, 1)).ljust(16, b"\0")
    words = (2, machine)  # an executable
    return ident + b"".join(
        word.to_bytes(2, "little" if order == _SMALL else "big") for word in words
    )


def _entries(registered: Path) -> Iterator[dict[str, str]]:
    with contextlib.suppress(OSError):
        for file in sorted(registered.iterdir()):
            if file.name in {"register", "status"}:
                continue
            with contextlib.suppress(OSError, UnicodeDecodeError):
                first, *lines = file.read_text(encoding="ascii").splitlines()
                fields = dict(line.partition(" ")[::2] for line in lines)
                yield {**fields, "state": first}


def _takes(entry: dict[str, str], header: bytes) -> bool:
    """Whether the kernel starts an interpreter for programs that begin so, in containers too."""
    # Without F the interpreter is looked for among the container's files.
    if entry.get("state") != "enabled" or "F" not in entry.get("flags:", ""):
        return False
    try:
        magic = bytes.fromhex(entry["magic"])
        mask = bytes.fromhex(entry["mask"]) if "mask" in entry else b"\xff" * len(magic)
        offset = int(entry.get("offset", "0"))
    except (KeyError, ValueError):
        return False
    begin = header[offset : offset + len(magic)].ljust(len(magic), b"\0")
    return len(mask) == len(magic) and all(
        have & m == want & m for have, want, m in zip(begin, magic, mask, strict=True)
    )
