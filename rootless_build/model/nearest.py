"""What was most likely meant by a word that nobody knows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

USUAL: Final = 0.6
"""difflib's own likeness."""
_STRICT: Final = 0.7
_MOST: Final = 10
"""Files that are named where none is near."""


def nearest(word: str, known: Iterable[str], least: float = _STRICT) -> str:
    """The known word that is nearly the same; empty for none. `least`: how like it has to be, from
    0 to 1: the words of a recipe may be guessed at more freely than those that name a command.
    """
    near = several(word, known, 1, least)
    return near[0] if near else ""


def several(word: str, known: Iterable[str], most: int, least: float = USUAL) -> list[str]:
    """As many known words that are nearly the same, the nearest first."""
    # Only a mistake needs it.
    import difflib  # noqa: PLC0415

    return difflib.get_close_matches(word, list(known), most, least)


def nearest_file(path: Path, names: re.Pattern[str]) -> str:
    """`did you mean …?`, for a path that leads to nothing: files beside it of such names, or the
    few that there are; empty for none.
    """
    try:
        there = sorted(entry.name for entry in os.scandir(path.parent) if entry.is_file())
    except OSError:
        return ""
    files = [name for name in there if names.fullmatch(name)]
    near = nearest(path.name, files) or (files[0] if len(files) == 1 else "")
    if near:
        return f"did you mean {os.path.relpath(path.parent / near)}?"
    return f"there are {', '.join(files[:_MOST])}" if files else ""


def likeness(one: str, other: str) -> float:
    """From 0 to 1, for two words that are the same."""
    # As in `several`.
    import difflib  # noqa: PLC0415

    return difflib.SequenceMatcher(None, one, other).ratio()
