"""Functions of lists, sets and maps (go-cty's function/stdlib)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Final

from rootless_build.recipes.bake.hcl.convert import convert
from rootless_build.recipes.bake.hcl.functions.function import (
    ArgumentError,
    Function,
    function,
    within,
)
from rootless_build.recipes.bake.hcl.numbers import Number, added
from rootless_build.recipes.bake.hcl.unify import type_of, unified
from rootless_build.recipes.bake.hcl.values import (
    Value,
    ValueTypeError,
    distinct,
    equal,
    identity,
    to_text,
    to_whole,
    type_name,
)

Items = tuple[Value, ...]
_LONGEST_RANGE: Final = 1024
"""Numbers that `range` makes at most, as in cty (stdlib: range.go)."""


def has(items: Items, wanted: Value) -> bool:
    """Whether one of the items is the value."""
    return any(equal(item, wanted) for item in items)


def _contains(items: Value, wanted: Value) -> bool:
    if isinstance(items, Mapping):
        items = tuple(items.values())
    if not isinstance(items, tuple):
        raise ArgumentError(f"a list or a map is wanted, not a {type_name(items)}")
    return has(items, wanted)


def _index_of(items: Items, wanted: Value) -> int:
    if not items:
        raise ArgumentError("an empty list can't be searched")
    for number, item in enumerate(items):
        if equal(item, wanted):
            return number
    raise ArgumentError("the item was not found")


def at_key(of: Value, key: Value) -> Value:
    """`of[key]`. Raises ArgumentError."""
    if isinstance(of, tuple):
        try:
            number = to_whole(key)
        except ValueTypeError as error:
            raise ArgumentError(f"a list's index: {error}") from error
        if not 0 <= number < len(of):
            raise ArgumentError(f"there is no element {number} in a list of {len(of)}")
        return of[number]
    if isinstance(of, Mapping):
        name = to_text(key) if not isinstance(key, tuple | Mapping) and key is not None else ""
        if name not in of:
            raise ArgumentError(f"there is no element {name!r}")
        return of[name]
    raise ArgumentError(f"a {type_name(of)} has no elements")


def _has_index(of: Value, key: Value) -> bool:
    try:
        at_key(of, key)
    except ArgumentError:
        return False
    return True


def _element(items: Items, number: int) -> Value:
    if not items:
        raise ArgumentError("an empty list has no element")
    return items[number % len(items)]


def _flat(items: Items) -> Iterator[Value]:
    for item in items:
        if isinstance(item, tuple):
            yield from _flat(item)
        else:
            yield item


def _first(*values: Value) -> Value:
    there = [value for value in values if value is not None]
    if not there:
        raise ArgumentError("every argument is null")
    common = unified(tuple(map(type_of, there)))
    if common is None:
        raise ArgumentError("all arguments must have the same type")
    return convert(there[0], common)


def _first_list(*lists: Items) -> Value:
    for items in lists:
        if items:
            return items
    raise ArgumentError("every list is empty")


def _length(of: Value) -> int:
    if isinstance(of, tuple | Mapping):
        return len(of)
    raise ArgumentError(f"a list or a map is wanted, not a {type_name(of)}; strlen is for strings")


def _lookup(of: Mapping[str, Value], key: str, *default: Value) -> Value:
    if key in of:
        return of[key]
    if default:
        return default[0]
    raise ArgumentError(f"there is no element {key!r}, and no default")


def _merged(*maps: Value) -> Value:
    made: dict[str, Value] = {}
    for one in maps:
        if one is not None:
            if not isinstance(one, Mapping):
                raise ArgumentError(f"maps are wanted, not a {type_name(one)}")
            made |= one
    return {name: made[name] for name in sorted(made)}


def _range(*given: Number) -> Value:
    if not 1 <= len(given) <= 3:
        raise ArgumentError("it takes one, two or three numbers")
    start, end = (0, given[0]) if len(given) == 1 else given[:2]
    step = given[2] if len(given) == 3 else (1 if start <= end else -1)
    if step == 0 or (step > 0 and start > end) or (step < 0 and start < end):
        raise ArgumentError("the step leads away from the end")
    made: list[Value] = []
    at = start
    while at < end if step > 0 else at > end:
        if len(made) == _LONGEST_RANGE:
            raise ArgumentError(f"there are more than {_LONGEST_RANGE} numbers in it")
        made.append(at)
        at = added(at, step)
    return tuple(made)


def _slice(items: Items, start: int, end: int) -> Value:
    if not 0 <= start <= end <= len(items):
        raise ArgumentError(f"{start} to {end} is not inside a list of {len(items)}")
    return items[start:end]


def _chunks(items: Items, size: int) -> Value:
    if size < 0:
        raise ArgumentError("the size is negative")
    if size == 0:
        return (items,)
    return tuple(items[i : i + size] for i in range(0, len(items), size))


def _zipped(keys: tuple[str, ...], values: Items) -> Value:
    if len(keys) != len(values):
        raise ArgumentError(f"there are {len(keys)} keys and {len(values)} values")
    return dict(sorted(dict(zip(keys, values, strict=True)).items()))


def _intersection(first: Items, *others: Items) -> Value:
    known = [set(map(identity, other)) for other in others]
    return distinct(tuple(v for v in first if all(identity(v) in other for other in known)))


def _without(first: Items, others: Items) -> Value:
    known = set(map(identity, others))
    return distinct(tuple(v for v in first if identity(v) not in known))


def _difference(first: Items, *others: Items) -> Value:
    made = distinct(first)
    for other in others:
        here, there = set(map(identity, made)), set(map(identity, other))
        new = (v for v in other if identity(v) not in here)
        made = distinct((*(v for v in made if identity(v) not in there), *new))
    return made


def _product(*lists: Items) -> Value:
    within(math.prod(map(len, lists)) * max(len(lists), 1))
    return tuple(itertools.product(*lists))


def _uniques(items: Items) -> Value:
    """In their own order, which a list keeps."""
    return tuple({identity(item): item for item in reversed(items)}.values())[::-1]


FUNCTIONS: Final[Mapping[str, Function]] = {
    "chunklist": function("alike whole", _chunks),
    "coalesce": function("any...", _first),
    "coalescelist": function("list...", _first_list),
    "compact": function("list", lambda items: tuple(v for v in items if v not in {None, ""})),
    "concat": function("list...", lambda *lists: tuple(itertools.chain(*lists))),
    "contains": function("any any", _contains),
    "distinct": function("alike", _uniques),
    "element": function("list whole", _element),
    "flatten": function("list", lambda items: tuple(_flat(items))),
    "hasindex": function("any any", _has_index),
    "index": function("any any", at_key),
    "indexof": function("list any", _index_of),
    "keys": function("map", lambda of: tuple(sorted(of))),
    "length": function("any", _length),
    "lookup": function("map string any...", _lookup),
    "merge": function("any...", _merged),
    "range": function("number...", _range),
    "reverselist": function("list", lambda items: items[::-1]),
    "sethaselement": function("list any", has),
    "setintersection": function("list list...", _intersection),
    "setproduct": function("list...", _product),
    "setsubtract": function("list list", _without),
    "setsymmetricdifference": function("list list...", _difference),
    "setunion": function("list...", lambda *lists: distinct(tuple(itertools.chain(*lists)))),
    "slice": function("list whole whole", _slice),
    "sort": function("texts", lambda items: tuple(sorted(items))),
    "values": function("map", lambda of: tuple(of[name] for name in sorted(of))),
    "zipmap": function("texts list", _zipped),
}
