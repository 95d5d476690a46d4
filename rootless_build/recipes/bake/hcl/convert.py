"""A value becomes one of another type, by the rules of cty (go-cty, docs/convert.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rootless_build.recipes.bake.hcl.unify import type_of, unified
from rootless_build.recipes.bake.hcl.values import (
    ANY,
    Type,
    Value,
    ValueTypeError,
    distinct,
    to_bool,
    to_map,
    to_number,
    to_text,
    to_tuple,
    to_whole,
)


def convert(value: Value, wanted: Type) -> Value:
    """The value as one of the wanted type. Raises ValueTypeError."""
    if value is None or wanted.kind == ANY:
        return value
    primitives: dict[str, Callable[[Value], Value]] = {
        "string": to_text,
        "number": to_number,
        "whole": to_whole,
        "sequence": to_tuple,
        "mapping": to_map,
        "bool": to_bool,
    }
    if wanted.kind in primitives:
        return primitives[wanted.kind](value)
    if wanted.kind in {"list", "set"}:
        assert wanted.element is not None  # such types are made with one
        given_items = to_tuple(value)
        element = _common(given_items, wanted.element)
        items = tuple(convert(item, element) for item in given_items)
        return distinct(items) if wanted.kind == "set" else items
    if wanted.kind == "tuple":
        given = to_tuple(value)
        if len(given) != len(wanted.elements):
            raise ValueTypeError(f"{len(wanted.elements)} elements are wanted, not {len(given)}")
        return tuple(convert(v, t) for v, t in zip(given, wanted.elements, strict=True))
    given_map = to_map(value)
    if wanted.kind == "map":
        assert wanted.element is not None  # a map is made with one
        element = _common(tuple(given_map.values()), wanted.element)
        return {key: convert(item, element) for key, item in given_map.items()}
    return _object(given_map, wanted)


def _common(items: tuple[Value, ...], wanted: Type) -> Type:
    """The type of a collection's elements: where it is any, the one that all of them can have."""
    if wanted.kind != ANY or not items:
        return wanted
    found = unified(tuple(map(type_of, items)))
    if found is None:
        raise ValueTypeError("all elements must have the same type")
    return found


def _object(value: Mapping[str, Value], wanted: Type) -> Value:
    made: dict[str, Value] = {}
    for name, kind in wanted.attributes:
        if name in value:
            made[name] = convert(value[name], kind)
        elif name in wanted.optional:
            made[name] = None
        else:
            raise ValueTypeError(f"the attribute {name!r} is missing")
    return made
