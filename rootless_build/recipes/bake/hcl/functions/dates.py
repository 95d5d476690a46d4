"""Functions of dates (go-cty's function/stdlib: datetime.go)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from rootless_build.recipes.bake.hcl.functions.function import ArgumentError, Function, function
from rootless_build.recipes.bake.hcl.values import Value

_TOKEN: Final = re.compile(r"('(?:[^']|'')*')|(([A-Za-z])\3*)|([^A-Za-z']+)")
_DURATION: Final = re.compile(r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)")
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_VERBS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "YYYY": lambda t: f"{t.year:04}",
    "YY": lambda t: f"{t.year % 100:02}",
    "MMMM": lambda t: t.strftime("%B"),
    "MMM": lambda t: t.strftime("%b"),
    "MM": lambda t: f"{t.month:02}",
    "M": lambda t: str(t.month),
    "DD": lambda t: f"{t.day:02}",
    "D": lambda t: str(t.day),
    "EEEE": lambda t: t.strftime("%A"),
    "EEE": lambda t: t.strftime("%a"),
    "hh": lambda t: f"{t.hour:02}",
    "h": lambda t: str(t.hour),
    "HH": lambda t: f"{(t.hour + 11) % 12 + 1:02}",
    "H": lambda t: str((t.hour + 11) % 12 + 1),
    "AA": lambda t: "AM" if t.hour < 12 else "PM",
    "aa": lambda t: "am" if t.hour < 12 else "pm",
    "mm": lambda t: f"{t.minute:02}",
    "m": lambda t: str(t.minute),
    "ss": lambda t: f"{t.second:02}",
    "s": lambda t: str(t.second),
    "ZZZZZ": lambda t: _offset(t, ":"),
    "ZZZZ": lambda t: _offset(t, ""),
    "ZZZ": lambda t: "UTC" if not t.utcoffset() else _offset(t, ""),
    "Z": lambda t: "Z" if not t.utcoffset() else _offset(t, ":"),
}


def _offset(time: datetime, between: str) -> str:
    text = time.strftime("%z")
    return text[:3] + between + text[3:5]


def _parsed(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentError(f"{text!r} is no time of RFC 3339") from error
    if time.tzinfo is None:
        raise ArgumentError(f"{text!r} has no time zone")
    return time


def _shown(time: datetime) -> str:
    text = time.isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")


def _formatted(pattern: str, time: datetime) -> str:
    made = []
    for found in _TOKEN.finditer(pattern):
        token = found[0]
        if token[0] == "'":
            made.append(token[1:-1].replace("''", "'"))
        elif token in _VERBS:
            made.append(_VERBS[token](time))
        elif token.isalpha():
            raise ArgumentError(f"the verb {token!r} is not known; quote text: 'text'")
        else:
            made.append(token)
    return "".join(made)


def _format_date(pattern: str, text: str) -> str:
    return _formatted(pattern, _parsed(text))


def _unix(number: int) -> datetime:
    return datetime.fromtimestamp(number, UTC)


def _format_timestamp(pattern: str, given: Value) -> str:
    if isinstance(given, str):
        time = _parsed(given)
    elif isinstance(given, int) and not isinstance(given, bool):
        time = _unix(given)
    else:
        raise ArgumentError("a time is a string of RFC 3339 or a Unix time")
    return str(int(time.timestamp())) if pattern == "X" else _formatted(pattern, time)


def _added(text: str, duration: str) -> str:
    body = duration.lstrip("+-")
    parts = _DURATION.findall(body)
    if not parts or "".join(a + b for a, b in parts) != body:
        raise ArgumentError(f"{duration!r} is no duration such as 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    sign = -1 if duration.startswith("-") else 1
    return _shown(_parsed(text) + timedelta(seconds=sign * seconds))


def _unix_parsed(number: int) -> Value:
    time = _unix(number)
    iso = time.isocalendar()
    return {
        "year": time.year,
        "year_day": time.timetuple().tm_yday,
        "day": time.day,
        "month": time.month,
        "month_name": time.strftime("%B"),
        "weekday": time.isoweekday() % 7,
        "weekday_name": time.strftime("%A"),
        "hour": time.hour,
        "minute": time.minute,
        "second": time.second,
        "rfc3339": _shown(time),
        "iso_year": iso.year,
        "iso_week": iso.week,
    }


FUNCTIONS: Final[Mapping[str, Function]] = {
    "formatdate": function("string string", _format_date),
    "formattimestamp": function("string any", _format_timestamp),
    "timeadd": function("string string", _added),
    "timestamp": function("", lambda: _shown(datetime.now(UTC))),
    "unixtimestampparse": function("whole", _unix_parsed),
}
