"""Bars and ticks of a time scale, as the shares of its width that an SVG takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
"""Seconds from one tick to the next."""
_MOST: Final = 5
_LEAST: Final = 0.25
"""Of a bar, in hundredths of the width: it is to be seen."""


class Bar(Struct, frozen=True):
    """Begins at `x` and is `width` wide, in hundredths; `look` says what it shows."""

    x: str
    width: str
    look: str


class Tick(Struct, frozen=True):
    """A line at `x`, in hundredths, and what is said there."""

    x: str
    label: str


class Scale:
    """From 0 to `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 0.001)

    def bar(self, begin: float, end: float, look: str) -> Bar:
        """From one time to another."""
        x = min(max(100 * begin / self._seconds, 0.0), 100 - _LEAST)
        width = min(max(100 * (end - begin) / self._seconds, _LEAST), 100 - x)
        return Bar(f"{x:.2f}", f"{width:.2f}", look)

    def ticks(self) -> Iterator[Tick]:
        """A few, at round times."""
        step = next((s for s in _STEPS if self._seconds / s <= _MOST), self._seconds / _MOST)
        at = step
        while at < self._seconds * 0.97:
            yield Tick(f"{100 * at / self._seconds:.2f}", _label(at))
            at += step


def _label(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"
