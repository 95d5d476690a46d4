"""The functions of docker's templates: those of Go's text/template, and docker's own.

Source: text/template/funcs.go, and docker/cli templates/templates.go.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from urllib.parse import quote_plus

from msgspec import Struct

from rootless_build.docker_cli.templates.data import (
    AnyMap,
    Missing,
    NoList,
    NoMap,
    Number,
    Value,
    in_json,
    is_true,
    type_of,
)
from rootless_build.docker_cli.templates.printing import formatted, lined, shown, spaced
from rootless_build.docker_cli.templates.tokens import TemplateError


class Wanted(StrEnum):
    """The type of a parameter."""

    ANY = "interface {}"
    STRING = "string"
    STRINGS = "[]string"
    WHOLE = "int"


class Function(Struct, frozen=True):
    """A function: what does it, and what it takes; `last` may come any number of times."""

    call: Callable[[Sequence[Value]], Value]
    takes: tuple[Wanted, ...]
    last: Wanted | None = None


def _texts(call: Callable[..., Value]) -> Callable[[Sequence[Value]], Value]:
    """A function of values whose types are right by then."""
    return lambda values: call(*values)


def _length(values: Sequence[Value]) -> Value:
    (value,) = values
    match value:
        case str():
            return len(value.encode(errors="surrogateescape"))
        case Number():
            return len(value.text)
        case list() | dict():
            return len(value)
        case NoList() | NoMap():
            return 0
        case None | Missing():
            raise TemplateError("len of nil pointer")
        case _:
            raise TemplateError(f"len of type {type_of(value)}")


def _index(values: Sequence[Value]) -> Value:
    item, *keys = values
    if isinstance(item, Missing) or item is None:
        raise TemplateError("index of untyped nil")
    for key in keys:
        item = _indexed(item, key)
    return item


def _indexed(item: Value, key: Value) -> Value:
    match item:
        case list() | NoList() | str():
            return _at(item, key)
        case dict() | NoMap():
            if not isinstance(key, str):
                raise TemplateError(f"value has type {type_of(key)}; should be string")
            # Go gives the zero value of the map's values.
            return item.get(key, _zero(item)) if isinstance(item, dict) else ""
        case None | Missing():
            raise TemplateError("index of nil pointer")
        case _:
            raise TemplateError(f"can't index item of type {type_of(item)}")


def _zero(item: dict[str, Value]) -> Value:
    if isinstance(item, AnyMap):
        return None
    strings = all(isinstance(each, str) for each in item.values())
    lists = any(isinstance(each, list | NoList) for each in item.values())
    if strings:
        return ""
    return NoList() if lists else None


def _at(item: list[Value] | NoList | str, key: Value) -> Value:
    place = _place(key)
    length = len(item) if isinstance(item, list | str) else 0
    if not 0 <= place < length:
        raise TemplateError(f"index out of range: {place}")
    if isinstance(item, str):
        return item.encode(errors="surrogateescape")[place]
    return item[place] if isinstance(item, list) else None


def _place(key: Value) -> int:
    if isinstance(key, Missing) or key is None:
        raise TemplateError("cannot index slice/array with nil")
    if isinstance(key, bool) or not isinstance(key, int):
        raise TemplateError(f"cannot index slice/array with type {type_of(key)}")
    return key


def _slice(values: Sequence[Value]) -> Value:
    item, *places = values
    if isinstance(item, Missing) or item is None:
        raise TemplateError("slice of untyped nil")
    if len(places) > 3:
        raise TemplateError(f"too many slice indexes: {len(places)}")
    if not isinstance(item, str | list | NoList):
        raise TemplateError(f"can't slice item of type {type_of(item)}")
    held = [] if isinstance(item, NoList) else item
    if isinstance(held, str) and len(places) == 3:
        raise TemplateError("cannot 3-index slice a string")
    data = held.encode(errors="surrogateescape") if isinstance(held, str) else held
    start, end = _bounds(places, len(data))
    part = data[start:end]
    return part.decode(errors="surrogateescape") if isinstance(part, bytes) else part


def _bounds(places: Sequence[Value], length: int) -> tuple[int, int]:
    found = [0, length, length]
    for number, key in enumerate(places):
        place = _place(key)
        if not 0 <= place <= length:
            raise TemplateError(f"index out of range: {place}")
        found[number] = place
    start, end, most = found
    if start > end:
        raise TemplateError(f"invalid slice index: {start} > {end}")
    if end > most:
        raise TemplateError(f"invalid slice index: {end} > {most}")
    return start, end


# --- comparison ---------------------------------------------------------------------------------


def _basic(value: Value) -> type:
    """What a value is compared as. Raises TemplateError."""
    match value:
        case bool():
            return bool
        case int() | float():
            return type(value)
        case str() | Number():
            return str
        case _:
            raise TemplateError("invalid type for comparison")


def _plain(value: Value) -> Value:
    return value.text if isinstance(value, Number) else value


def _equal(values: Sequence[Value]) -> Value:
    first, *others = values
    if isinstance(first, list | dict | NoList | NoMap):
        raise TemplateError(f"non-comparable type {shown(first)}: {type_of(first)}")
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_same(first, other) for other in others)


def _same(first: Value, other: Value) -> bool:
    nothing = (Missing, type(None))
    if isinstance(first, nothing) or isinstance(other, nothing):
        return isinstance(first, nothing) and isinstance(other, nothing)
    if _basic(first) is not _basic(other):
        raise TemplateError("incompatible types for comparison")
    return _plain(first) == _plain(other)


def _less(first: Value, other: Value) -> bool:
    if _basic(first) is bool or _basic(other) is bool:
        raise TemplateError("invalid type for comparison")
    left, right = _plain(first), _plain(other)
    if isinstance(left, str) and isinstance(right, str):
        return left.encode(errors="surrogateescape") < right.encode(errors="surrogateescape")
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    if isinstance(left, float) and isinstance(right, float):
        return left < right
    raise TemplateError("incompatible types for comparison")


def _and(values: Sequence[Value]) -> Value:
    return next((each for each in values if not is_true(each)), values[-1])


def _or(values: Sequence[Value]) -> Value:
    return next((each for each in values if is_true(each)), values[-1])


# --- text ---------------------------------------------------------------------------------------


def _title(text: str) -> str:
    return re.sub(r"(?<![\w'])\w", lambda found: found[0].upper(), text)


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    return text[:length]


def _join(strings: list[str] | NoList, separator: str) -> str:
    return "" if isinstance(strings, NoList) else separator.join(strings)


def _split(text: str, separator: str) -> list[Value]:
    return [*(text.split(separator) if separator else text)]


def _html(values: Sequence[Value]) -> Value:
    text = html.escape(spaced(values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return text.replace("\0", "\ufffd")


_IN_SCRIPTS: Final = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    **{character: f"\\u{ord(character):04X}" for character in "<>&="},
}


def _javascript(values: Sequence[Value]) -> Value:
    return "".join(
        _IN_SCRIPTS.get(character)
        or (character if character.isprintable() else f"\\u{ord(character):04X}")
        for character in spaced(values)
    )


def _call(values: Sequence[Value]) -> Value:
    raise TemplateError(f"non-function of type {type_of(values[0])}")


def _json(values: Sequence[Value]) -> Value:
    return in_json(values[0])


_ANY, _STRING, _WHOLE = Wanted.ANY, Wanted.STRING, Wanted.WHOLE

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "and": Function(_and, (_ANY,), _ANY),
        "or": Function(_or, (_ANY,), _ANY),
        "not": Function(lambda values: not is_true(values[0]), (_ANY,)),
        "eq": Function(_equal, (_ANY,), _ANY),
        "ne": Function(lambda values: not _equal(values), (_ANY, _ANY)),
        "lt": Function(lambda values: _less(*values), (_ANY, _ANY)),
        "le": Function(lambda values: not _less(values[1], values[0]), (_ANY, _ANY)),
        "gt": Function(lambda values: _less(values[1], values[0]), (_ANY, _ANY)),
        "ge": Function(lambda values: not _less(*values), (_ANY, _ANY)),
        "len": Function(_length, (_ANY,)),
        "index": Function(_index, (_ANY,), _ANY),
        "slice": Function(_slice, (_ANY,), _ANY),
        "call": Function(_call, (_ANY,), _ANY),
        "html": Function(_html, (), _ANY),
        "js": Function(_javascript, (), _ANY),
        "urlquery": Function(lambda values: quote_plus(spaced(values)), (), _ANY),
        "print": Function(spaced, (), _ANY),
        "println": Function(lined, (), _ANY),
        "printf": Function(lambda values: formatted(str(values[0]), values[1:]), (_STRING,), _ANY),
        "json": Function(_json, (_ANY,)),
        "split": Function(_texts(_split), (_STRING, _STRING)),
        "join": Function(_texts(_join), (Wanted.STRINGS, _STRING)),
        "title": Function(_texts(_title), (_STRING,)),
        "lower": Function(_texts(str.lower), (_STRING,)),
        "upper": Function(_texts(str.upper), (_STRING,)),
        "pad": Function(_texts(_pad), (_STRING, _WHOLE, _WHOLE)),
        "truncate": Function(_texts(_truncate), (_STRING, _WHOLE)),
    }
)

SHORT: Final = {"and": False, "or": True}
"""Functions that evaluate no more than they need, and whether a true value is enough for them."""


def fits(value: Value, wanted: Wanted) -> bool:
    """Whether a value has the type of a parameter."""
    match wanted:
        case Wanted.ANY:
            return True
        case Wanted.STRING:
            return isinstance(value, str)
        case Wanted.WHOLE:
            return isinstance(value, int) and not isinstance(value, bool)
        case Wanted.STRINGS:
            strings = isinstance(value, list) and all(isinstance(each, str) for each in value)
            return strings or isinstance(value, NoList)
