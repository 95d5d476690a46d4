"""The values of a bake file and their types.

The rules are those of HCL's type system, cty (github.com/zclconf/go-cty, docs/convert.md): numbers
and bools become strings and back where the text is exact; null is of every type. A set is a tuple
without repetitions, in the order of its elements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Final, assert_never, cast

from msgspec import Struct

from rootless_build.recipes.bake.hcl import numbers
from rootless_build.recipes.bake.hcl.numbers import Number, NumberError, from_float

Value = None | bool | Number | str | tuple["Value", ...] | Mapping[str, "Value"]

ANY: Final = "any"


class ValueTypeError(ValueError):
    """A value is not of the type that is wanted; the text says which."""


class Type(Struct, frozen=True):
    """A type constraint. `kind` is string, number, bool, any, list, set, map, object or tuple.

    Functions may want a `whole` number too, and a `sequence` or
    `mapping`, whose elements stay as they are.

    `element` is that of a list, set or map; `attributes` an object's, with those in `optional`
    that may be missing (they are null then); `elements` a tuple's.
    """

    kind: str
    element: Type | None = None
    attributes: tuple[tuple[str, Type], ...] = ()
    optional: frozenset[str] = frozenset()
    elements: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if self.element is not None:
            return f"{self.kind}({self.element})"
        if self.kind == "tuple":
            return f"tuple([{', '.join(map(str, self.elements))}])"
        if self.kind == "object":
            inside = ", ".join(f"{name}={kind}" for name, kind in self.attributes)
            return f"object({{{inside}}})"
        return self.kind

    @property
    def primitive(self) -> bool:
        """Whether the type is string, number or bool."""
        return self.kind in {"string", "number", "bool"}


_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}
STRING: Final = Type("string")
NUMBER: Final = Type("number")
BOOL: Final = Type("bool")
ANYTHING: Final = Type(ANY)


def type_name(value: Value) -> str:
    """The type of a value, in a word."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | Fraction() | float():
            return "number"
        case str():
            return "string"
        case tuple():
            return "tuple"
        case Mapping():
            return "object"
        case _:
            assert_never(value)


def plain(value: object) -> Value:
    """JSON data as a value. Raises ValueTypeError for what JSON has not."""
    match value:
        case None | bool() | int() | Fraction() | str():
            return value
        case float():
            return from_float(value)
        case list() | tuple():
            return tuple(plain(item) for item in value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case _:
            raise ValueTypeError(f"there is no value of the type {type(value).__name__}")


def to_text(value: Value) -> str:
    """The value as a string. Raises ValueTypeError for null and for collections."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Fraction() | float():
            return numbers.text(value)
        case str():
            return value
        case _:
            raise ValueTypeError(f"a string is wanted, and this is {_a(value)}")


def to_number(value: Value) -> Number:
    """The value as a number. Raises ValueTypeError."""
    if isinstance(value, bool) or not isinstance(value, Number | str):
        raise ValueTypeError(f"a number is wanted, and this is {_a(value)}")
    if not isinstance(value, str):
        return value
    try:
        return numbers.parse(value)
    except NumberError as error:
        raise ValueTypeError(f"a number is wanted, and this is {value!r}") from error


def to_whole(value: Value) -> int:
    """The value as a whole number. Raises ValueTypeError."""
    number = to_number(value)
    if number == 0:
        return 0
    if not isinstance(number, int):
        raise ValueTypeError(f"a whole number is wanted, and this is {numbers.text(number)}")
    return number


def to_bool(value: Value) -> bool:
    """The value as a bool. Raises ValueTypeError."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _BOOLS:
        return _BOOLS[value]
    shown = repr(value) if isinstance(value, str) else _a(value)
    raise ValueTypeError(f"a bool is wanted, and this is {shown}")


def to_tuple(value: Value) -> tuple[Value, ...]:
    """The value as a list. Raises ValueTypeError."""
    if isinstance(value, tuple):
        return value
    raise ValueTypeError(f"a list is wanted, and this is {_a(value)}")


def to_map(value: Value) -> Mapping[str, Value]:
    """The value as a map. Raises ValueTypeError."""
    if isinstance(value, Mapping):
        return value
    raise ValueTypeError(f"a map is wanted, and this is {_a(value)}")


def _a(value: Value) -> str:
    name = type_name(value)
    return "null" if value is None else f"{'an' if name == 'object' else 'a'} {name}"


def distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values without repetitions, in the order of a set: by type, then by value."""
    found: dict[object, Value] = {}
    for value in values:
        found.setdefault(identity(value), value)
    return tuple(sorted(found.values(), key=_order))


def identity(value: Value) -> object:
    """What values have in common that are equal, and others have not."""
    if isinstance(value, tuple):
        return "tuple", tuple(map(identity, value))
    if isinstance(value, Mapping):
        return "object", frozenset((key, identity(item)) for key, item in value.items())
    return type_name(value), value


def _order(value: Value) -> tuple[str, Number, str]:
    name = type_name(value)
    if isinstance(value, Number):
        return name, value, ""
    return name, 0, value if isinstance(value, str) else to_json(value)


def equal(left: Value, right: Value) -> bool:
    """Whether both are of one type and the same."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[k], right[k]) for k in left)
    return type_name(left) == type_name(right) and left == right


def to_json(value: Value) -> str:
    """JSON as the function jsonencode writes it: short, keys in order."""

    def written(item: Value) -> str:
        if isinstance(item, tuple):
            return f"[{','.join(map(written, item))}]"
        if isinstance(item, Mapping):
            return f"{{{','.join(f'{written(key)}:{written(item[key])}' for key in sorted(item))}}}"
        if isinstance(item, Number) and not isinstance(item, bool):
            if item in {numbers.INFINITY, -numbers.INFINITY}:
                raise ValueTypeError("JSON has no infinity")
            return numbers.text(item)
        return json.dumps(item, ensure_ascii=False)

    text = written(value)
    # Go's encoder escapes these; `<` in a string of HTML would end a script otherwise.
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def from_json(text: str) -> Value:
    """JSON text as a value. Raises ValueError."""
    return plain(json_data(text))


def json_data(text: str) -> object:
    """What JSON text says, its numbers as HCL has them. Raises ValueError."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    read = json.loads(
        text, parse_int=numbers.parse, parse_float=numbers.parse, parse_constant=refuse
    )
    return cast("object", read)
