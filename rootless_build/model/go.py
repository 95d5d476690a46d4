"""Words as programs written in Go read them."""

from __future__ import annotations

from typing import Final

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def parse_bool(word: str) -> bool | None:
    """strconv.ParseBool; None for what is neither true nor false."""
    if word in _TRUE:
        return True
    return False if word in _FALSE else None
