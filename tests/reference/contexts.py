"""Contexts on disk: a case's data become files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.reference.case import (
    TIME,
    Archive,
    Context,
    Directory,
    Entry,
    Fifo,
    File,
    HardLink,
    Link,
    Member,
)

_TYPES: Final = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "char": tarfile.CHRTYPE,
}


def write_context(root: Path, context: Context) -> None:
    """Make the directory `root` and all that the context has, with modes and times."""
    entries = {name: _entry(value) for name, value in context.items()}
    root.mkdir(parents=True)
    for name, entry in entries.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, entry, root)
    # The deepest first: what is made in a directory changes its time.
    for path in sorted((root, *root.rglob("*")), key=lambda each: -len(each.parts)):
        _finish(path, entries.get(str(path.relative_to(root))))


def archive(made: Archive) -> bytes:
    """The bytes of an archive."""
    plain = io.BytesIO()
    with tarfile.open(
        fileobj=plain, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape"
    ) as tar:
        for member in made.members:
            tar.addfile(_info(member), io.BytesIO(member.content.encode()))
    return _COMPRESSIONS[made.compression](plain.getvalue())


def _entry(value: Entry | str) -> Entry:
    if isinstance(value, str):
        return Link(value[2:]) if value.startswith("->") else File(value)
    return value


def _make(path: Path, entry: Entry, root: Path) -> None:
    match entry:
        case File():
            content = entry.content
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            if entry.size:
                os.truncate(path, entry.size)
        case Archive():
            path.write_bytes(archive(entry))
        case Directory():
            path.mkdir(exist_ok=True)
        case Link():
            path.symlink_to(entry.target)
        case HardLink():
            path.hardlink_to(root / entry.to)
        case Fifo():
            os.mkfifo(path)


def _finish(path: Path, entry: Entry | None) -> None:
    if entry is None:
        # A directory that the context names in a path alone.
        entry = Directory()
    if isinstance(entry, HardLink):
        return
    if isinstance(entry, File | Directory):
        for name, value in entry.xattrs.items():
            os.setxattr(path, name, value.encode())
    if not isinstance(entry, Link):
        path.chmod(0o644 if isinstance(entry, Archive) else entry.mode)
    mtime = TIME if isinstance(entry, Archive) else entry.mtime
    os.utime(path, ns=(mtime, mtime), follow_symlinks=False)


def _info(member: Member) -> tarfile.TarInfo:
    info = tarfile.TarInfo(member.name)
    info.type, info.mode = _TYPES[member.type], member.mode
    info.uid, info.gid = member.owner
    info.mtime = member.mtime // 10**9
    if member.type == "file":
        info.size = len(member.content.encode())
    elif member.type in {"link", "hard"}:
        info.linkname = member.content
    elif member.type == "char":
        info.devmajor, info.devminor = 1, 3
    headers = {f"SCHILY.xattr.{name}": value for name, value in member.xattrs.items()}
    headers["mtime"] = f"{member.mtime // 10**9}.{member.mtime % 10**9:09}"
    info.pax_headers = headers
    return info


def _zstd(content: bytes) -> bytes:
    """One frame of blocks that are as they were: this Python has no compressor of that kind."""
    blocks = [content[at : at + 2**16] for at in range(0, len(content), 2**16)] or [b""]
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little")
    for number, block in enumerate(blocks, 1):
        header = (len(block) << 3) | (number == len(blocks))
        frame += header.to_bytes(3, "little") + block
    return frame


def _gzip(content: bytes) -> bytes:
    """The same with each Python: since 3.13 the header does not say "Unix" any more."""
    packed = bytearray(gzip.compress(content, mtime=0))
    packed[9] = 3
    return bytes(packed)


_COMPRESSIONS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gz": _gzip,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": _zstd,
}
