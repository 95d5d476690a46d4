"""One type for several values: both ends of a condition, the elements of a list (cty's convert)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from rootless_build.recipes.bake.hcl.values import (
    ANYTHING,
    BOOL,
    NUMBER,
    STRING,
    Type,
    Value,
)


def type_of(value: Value) -> Type:
    """The type of a value as it is; null has any."""
    match value:
        case None:
            return ANYTHING
        case bool():
            return BOOL
        case int() | Fraction() | float():
            return NUMBER
        case str():
            return STRING
        case tuple():
            return Type("tuple", elements=tuple(map(type_of, value)))
        case Mapping():
            return Type("object", attributes=tuple((k, type_of(value[k])) for k in sorted(value)))


def unified(types: Sequence[Type]) -> Type | None:
    """The type to which all of them become; None when there is none."""
    kinds = {kind.kind for kind in types} - {"any"}
    if not kinds:
        return ANYTHING
    if kinds in ({"tuple"}, {"object"}):
        if any(kind.kind == "any" for kind in types):
            # With a null among them each keeps its own.
            return ANYTHING
        return _tuples(types) if kinds == {"tuple"} else _objects(types)
    if kinds <= {"string", "number", "bool"}:
        if len(kinds) == 1:
            return Type(kinds.pop())
        return STRING if "string" in kinds else None
    return None


def _tuples(types: Sequence[Type]) -> Type | None:
    if len({len(kind.elements) for kind in types}) > 1:
        element = unified([inner for kind in types for inner in kind.elements])
        return Type("list", element) if element is not None else None
    across = [unified(inner) for inner in zip(*(kind.elements for kind in types), strict=True)]
    found = [one for one in across if one is not None]
    return Type("tuple", elements=tuple(found)) if len(found) == len(across) else None


def _objects(types: Sequence[Type]) -> Type | None:
    names = {tuple(name for name, _ in kind.attributes) for kind in types}
    if len(names) > 1:
        element = unified([inner for kind in types for _, inner in kind.attributes])
        return Type("map", element) if element is not None else None
    made: list[tuple[str, Type]] = []
    for name in names.pop():
        one = unified([dict(kind.attributes)[name] for kind in types])
        if one is None:
            return None
        made.append((name, one))
    return Type("object", attributes=tuple(made))
