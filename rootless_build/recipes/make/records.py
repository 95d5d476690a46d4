"""What stand-ins and our makefile write down while a project is asked, read with limits.

The files are beside what the project runs, and it can write anything into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.files.plain import bytes_of
from rootless_build.model.errors import RecipeError

_LARGEST: Final = 32 * 1024 * 1024
_MOST: Final = 400_000
"""Fields, so that all of them are held in 200 MB."""


def text_of(file: Path) -> str:
    """All that a record file has. Raises RecipeError."""
    return _read(file).decode(errors="surrogateescape")


def fields_of(file: Path) -> Iterator[str]:
    """What is ended by NUL in it. Raises RecipeError."""
    data = _read(file)
    if data.count(b"\0") > _MOST:
        raise _too_much()
    at = 0
    while (end := data.find(b"\0", at)) >= 0:
        yield data[at:end].decode(errors="surrogateescape")
        at = end + 1


def _read(file: Path) -> bytes:
    data = bytes_of(file, _LARGEST + 1)
    if len(data) > _LARGEST:
        raise _too_much()
    return data


def _too_much() -> RecipeError:
    return RecipeError(
        "the recipe was asked, and wrote more into rbuild's own records than rbuild reads",
        hint="look at what it does to the directory of $(MAKEFILES)",
    )
