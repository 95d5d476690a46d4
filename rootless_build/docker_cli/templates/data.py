"""What a template is filled in with: JSON, with what Go knows of it and JSON does not say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct


class Missing(Struct, frozen=True):
    """What a map has under a key that it has not; Go calls it an invalid value."""


MISSING: Final = Missing()


class Number(Struct, frozen=True):
    """A number as it stands in JSON, where nobody knows its type: Go's json.Number."""

    text: str


class Address(Struct, frozen=True):
    """An IP address (netip.Addr), which may be none."""

    text: str = ""

    def __str__(self) -> str:
        return self.text or "invalid IP"


class Record(Struct, frozen=True):
    """A struct of Go's: its fields in their order, and those of them that JSON leaves out.

    `type` is its name in Go for messages. `more` are other names of fields, `methods` take one
    string. `row`: one of a listing, all of whose fields are computed.
    """

    type: str
    fields: Mapping[str, Value]
    left_out: Mapping[str, Value] = {}
    more: Mapping[str, str] = {}
    methods: Mapping[str, Callable[[str], str]] = {}
    row: bool = False

    def get(self, name: str) -> Value:
        """A field, MISSING where the struct has none of that name."""
        name = self.more.get(name, name)
        return self.fields[name] if name in self.fields else self.left_out.get(name, MISSING)


class NoList(Struct, frozen=True):
    """A slice that is nil: empty, and null in JSON."""


class NoMap(Struct, frozen=True):
    """A map that is nil: empty, and null in JSON."""


class AnyList(list["Value"]):
    """A list of whose values no type is known."""


class AnyMap(dict[str, "Value"]):
    """A map of whose values no type is known."""


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | Missing
    | Number
    | Address
    | Record
    | NoList
    | NoMap
    | list["Value"]
    | dict[str, "Value"]
    | None
)
Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def untyped(value: Json) -> Value:
    """JSON as Go reads it where no type says what it is."""
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return Number(json.dumps(value))
        case list():
            return AnyList(map(untyped, value))
        case dict():
            return AnyMap((key, untyped(each)) for key, each in value.items())


def is_true(value: Value) -> bool:
    """Whether `if` takes it: not false, 0, nil or empty."""
    match value:
        case Record() | Address():
            return True
        case Number():
            return bool(value.text)
        case Missing() | NoList() | NoMap():
            return False
        case _:
            return bool(value)


def type_of(value: Value) -> str:
    """The name of its type in Go, as %T and messages have it."""
    match value:
        case None | Missing():
            return "<nil>"
        case Record():
            return value.type
        case list() | NoList():
            return _list_type(value)
        case dict() | NoMap():
            return _map_type(value)
        case _:
            return _SIMPLE[type(value)]


_SIMPLE: Final = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    Number: "json.Number",
    Address: "netip.Addr",
}


def _list_type(value: list[Value] | NoList) -> str:
    known = [] if isinstance(value, NoList | AnyList) else value
    strings = known and all(isinstance(each, str) for each in known)
    return "[]string" if strings else "[]interface {}"


def _map_type(value: dict[str, Value] | NoMap) -> str:
    known = {} if isinstance(value, NoMap | AnyMap) else value
    strings = known and all(isinstance(each, str) for each in known.values())
    return "map[string]string" if strings else "map[string]interface {}"


def plain(value: Value) -> Json:
    """The JSON of a value, as its struct has it."""
    match value:
        case Record():
            return {key: plain(each) for key, each in value.fields.items()}
        case list():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(value[key]) for key in sorted(value)}
        case Number():
            number: Json = json.loads(value.text)
            return number
        case Missing() | NoList() | NoMap():
            return None
        case _:
            return value.text if isinstance(value, Address) else value


def in_json(value: Value) -> str:
    """JSON in one line, as Go writes it; that of a row with what HTML needs."""
    text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    if not (isinstance(value, Record) and value.row):
        return text
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
