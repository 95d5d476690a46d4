"""Two builds of the same, compared byte for byte: which files differ, and where in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from rootless_build.bundles import provenance
from rootless_build.bundles.statement import OWN_NAMES
from rootless_build.files.tree import CHUNK, link_text, open_inside

_MOST_PLACES: Final = 8
_BLOCK: Final = 4096


class Difference(Struct, frozen=True):
    """A file that is not the same. `text` is a sentence; `both` when there are two to compare."""

    path: str
    text: str
    both: bool = False


class Comparison(Struct, frozen=True):
    """`same` counts the files that agree."""

    same: int
    differences: tuple[Difference, ...]


def compare(made: Path, before: provenance.Written, bundles: Path) -> Comparison:
    """The files that were written in `made` since `before`, against those in `bundles`."""
    written = sorted(
        path
        for path, seen in provenance.state(made).items()
        if before.get(path) != seen and Path(path).name not in OWN_NAMES
    )
    differences = [found for path in written if (found := _difference(made, bundles, path))]
    bundle = provenance.naming(made)
    touched = {bundle(path) for path in written}
    missing = [
        Difference(path, "was not made again")
        for path, where in provenance.subjects(bundles)
        if where in touched and path not in written
    ]
    return Comparison(len(written) - len(differences), (*differences, *missing))


def _difference(made: Path, bundles: Path, path: str) -> Difference | None:
    try:
        status = os.lstat(bundles / path)
    except FileNotFoundError:
        return Difference(path, "is not in the bundles")
    if stat.S_ISLNK(status.st_mode):
        return Difference(path, f"is a link to {link_text(bundles / path)} in the bundles")
    text = contents_differ(bundles, made, path)
    return Difference(path, text, both=True) if text else None


def contents_differ(before: Path, again: Path, path: str) -> str:
    """How a file of two trees differs, and where in it; empty where it is the same."""
    with open_inside(before, path) as one, open_inside(again, path) as other:
        places = tuple(_places(one, other))
        if not places:
            return ""
        sizes = os.fstat(one.fileno()).st_size, os.fstat(other.fileno()).st_size
        where = ", ".join(_where(one, places))
    text = f"differs at {where}"
    if sizes[0] != sizes[1]:
        text += f"; it has {sizes[1]} bytes instead of {sizes[0]}"
    return text


def _places(one: BinaryIO, other: BinaryIO) -> Iterator[int]:
    """The offset of the first difference in each block that has any, up to the shorter's end."""
    position = 0
    while True:
        ours, theirs = one.read(CHUNK), other.read(CHUNK)
        if ours != theirs:
            for start in range(0, max(len(ours), len(theirs)), _BLOCK):
                left, right = ours[start : start + _BLOCK], theirs[start : start + _BLOCK]
                if left != right:
                    pairs = enumerate(zip(left, right, strict=False))
                    shorter = min(len(left), len(right))
                    yield position + start + next((n for n, (a, b) in pairs if a != b), shorter)
        if not ours or not theirs:
            return
        position += len(ours)


def _where(file: BinaryIO, places: tuple[int, ...]) -> Iterator[str]:
    """The first place in each section of an ELF file; the first one of another."""
    sections = _sections(file)
    seen: dict[str, list[int]] = {}
    for place in places:
        name = next((n for n, start, end in sections if start <= place < end), "")
        seen.setdefault(name, []).append(place)
    for name, found in list(seen.items())[:_MOST_PLACES]:
        more = f" and {len(found) - 1} more places" if len(found) > 1 else ""
        yield f"offset {found[0]:#x}{f' in {name}' if name else ''}{more}"
    if len(seen) > _MOST_PLACES:
        yield f"{len(seen) - _MOST_PLACES} more sections"


def _sections(file: BinaryIO) -> list[tuple[str, int, int]]:
    """Name, begin and end in the file; none for what is no ELF file, or a damaged one."""
    file.seek(0)
    if file.read(4) != b"\x7fELF":
        return []
    # Only files that differ are looked into.
    from rootless_build.bundles import elf  # noqa: PLC0415

    return elf.sections(file)
