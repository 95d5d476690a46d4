"""Type expressions of variables: `string`, `list(number)`, `object({a = string})` (typeexpr)."""

from __future__ import annotations

from typing import Final

from rootless_build.recipes.bake.hcl.syntax import (
    Call,
    Constant,
    Expression,
    Object,
    Tuple,
    Variable,
)
from rootless_build.recipes.bake.hcl.values import Type
from rootless_build.recipes.bake.source import nearest, refused

_SIMPLE: Final = {name: Type(name) for name in ("string", "number", "bool", "any")}
_COLLECTIONS: Final = ("list", "set", "map")
_ALL: Final = (*_SIMPLE, *_COLLECTIONS, "object", "tuple")


def constraint(expression: Expression) -> Type:
    """The type that an expression names. Raises BakeError for what names none."""
    if isinstance(expression, Variable) and expression.name in _SIMPLE:
        return _SIMPLE[expression.name]
    if isinstance(expression, Call) and len(expression.arguments) == 1:
        return _constructed(expression, expression.arguments[0])
    name = expression.name if isinstance(expression, Variable | Call) else ""
    if name in _ALL:
        raise refused(expression.place, f"the type {name} needs to be told of what it is made")
    what = f"{name!r} is" if name else "this is"
    raise refused(expression.place, f"{what} no type", nearest(name, _ALL))


def _constructed(call: Call, argument: Expression) -> Type:
    if call.name in _COLLECTIONS:
        return Type(call.name, constraint(argument))
    if call.name == "tuple" and isinstance(argument, Tuple):
        return Type("tuple", elements=tuple(constraint(item) for item in argument.items))
    if call.name == "object" and isinstance(argument, Object):
        attributes = []
        optional = set()
        for key, value in argument.items:
            if not isinstance(key, Constant):
                raise refused(key.place, "an attribute's name is a word")
            name = str(key.value)
            kind = value
            if isinstance(value, Call) and value.name == "optional" and value.arguments:
                if len(value.arguments) != 1:
                    raise refused(value.place, "optional takes a type alone")
                kind = value.arguments[0]
                optional.add(name)
            attributes.append((name, constraint(kind)))
        return Type("object", attributes=tuple(attributes), optional=frozenset(optional))
    raise refused(call.place, f"{call.name!r} is no type", nearest(call.name, _ALL))
