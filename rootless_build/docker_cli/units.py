"""Sizes and times as docker shows them to people.

Source: github.com/docker/go-units, and what docker 29.1 prints.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)
NEVER: Final = -62135596800.0
"""Go's time that is none, in seconds since 1970."""


def size(number: float, digits: int = 3) -> str:
    """A number of bytes."""
    unit = 0
    while number >= 1000 and unit < len(_UNITS) - 1:
        number /= 1000
        unit += 1
    return f"{number:.{digits}g}{_UNITS[unit]}"


_MULTIPLES: Final = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?", re.IGNORECASE)


def of_memory(words: str) -> int | None:
    """The bytes that a limit of memory names, by docker's rules; None for what names none."""
    found = _SIZE.fullmatch(words)
    return int(float(found[1]) * _MULTIPLES[found[2].lower()]) if found else None


def duration(seconds: float) -> str:
    """How long, as people say it."""
    whole = int(seconds)
    if whole < 60:
        return _counted(whole, "second") if whole >= 1 else "Less than a second"
    minutes = whole // 60
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for limit, unit, name in _LONG:
        if hours < limit:
            return f"{hours // unit} {name}"
    return f"{int(seconds / 3600) // (24 * 365)} years"


_LONG: Final = (
    (24 * 7 * 2, 24, "days"),
    (24 * 30 * 2, 24 * 7, "weeks"),
    (24 * 365 * 2, 24 * 30, "months"),
)


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def since(moment: float, now: float | None = None) -> str:
    """How long ago a moment was."""
    return duration(max(0.0, (time.time() if now is None else now) - moment))


def shown(moment: float) -> str:
    """A moment as Go prints it, in this place's time."""
    local = time.localtime(moment)
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", local)


def in_rfc3339(moment: float) -> str:
    """A moment in this place's time, by the second."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(moment))
    return f"{text[:-5]}Z" if text.endswith("+0000") else f"{text[:-2]}:{text[-2:]}"


def read(text: str) -> float:
    """The moment that RFC 3339 names; NEVER for what is none."""
    found = _TIME.fullmatch(text)
    if found is None or text.startswith("0001-"):
        return NEVER
    zone = "+00:00" if found[3] in "zZ" else found[3]
    whole = datetime.fromisoformat(f"{found[1]}{zone}").astimezone(UTC).timestamp()
    return whole + float(f"0.{found[2] or 0}")
