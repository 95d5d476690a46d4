"""The variables of bake files: their defaults, and what the environment says instead."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from rootless_build.model.go import parse_bool
from rootless_build.recipes.bake.blocks import check_arguments, without_effect
from rootless_build.recipes.bake.hcl import types
from rootless_build.recipes.bake.hcl.convert import convert
from rootless_build.recipes.bake.hcl.evaluate import Scope, evaluate, text_of
from rootless_build.recipes.bake.hcl.numbers import Number, from_float
from rootless_build.recipes.bake.hcl.reader import parse_expression
from rootless_build.recipes.bake.hcl.syntax import Argument, Block, Body, Constant
from rootless_build.recipes.bake.hcl.values import (
    STRING,
    Type,
    Value,
    ValueTypeError,
    from_json,
    to_bool,
    to_text,
    type_name,
)
from rootless_build.recipes.bake.source import Place, refused

_OF_VARIABLES: Final = ("default", "type", "description")
_OF_VALIDATIONS: Final = ("condition", "error_message")


class Variables:
    """Variables that the files define: by blocks, and by arguments outside of all blocks. No file
    can change the `built_in` ones; `lookup` is the environment.
    """

    def __init__(
        self,
        bodies: Collection[Body],
        reserved: Collection[str],
        built_in: Mapping[str, str],
        lookup: Callable[[str], str | None],
    ) -> None:
        self.built_in = built_in
        self._lookup = lookup
        self.arguments: Mapping[str, Argument] = {
            argument.name: argument
            for body in bodies
            for argument in body.arguments
            if argument.name not in reserved
        }
        self.blocks: Mapping[str, Block] = {
            block.labels[0]: block
            for body in bodies
            for block in body.blocks
            if block.type == "variable" and block.labels[0] not in reserved
        }

    def __contains__(self, name: str) -> bool:
        return name in self.arguments or name in self.blocks

    def names(self) -> tuple[str, ...]:
        """The names of all variables."""
        return (*self.blocks, *self.arguments, *self.built_in)

    def notes(self, block: Block) -> Iterator[str]:
        """What has no effect in a variable's block."""
        return without_effect(block, _OF_VARIABLES, ("validation",))

    def validate(self, scope: Scope) -> None:
        """Raises BakeError where a validation fails."""
        for block in self.blocks.values():
            for validation in block.body.blocks:
                if validation.type == "validation":
                    _validate(validation, scope)

    def value(self, name: str, scope: Scope) -> Value:
        """The value of one of them, evaluated in a scope."""
        argument = self.arguments.get(name)
        block = self.blocks.get(name)
        wanted: Type | None = None
        if argument is None and block is not None:
            argument = block.body.argument("default")
            wanted = _type(block)
        value: Value = None
        if argument is not None:
            value = evaluate(argument.expression, scope)
            if wanted is not None:
                value = _converted(value, wanted, name, argument.place)
        given, is_json = self._given(name, favour_json=wanted is not None)
        if given is None or block is None:
            return value if argument is not None or wanted is not None else ""
        place = block.place
        if wanted is None:
            return _like(value, given, name, place)
        if is_json:
            try:
                return convert(from_json(given), wanted)
            except ValueError as error:
                raise refused(place, f"the JSON of the variable {name}: {error}") from error
        return _from_text(given, wanted, name, place)

    def _given(self, name: str, *, favour_json: bool) -> tuple[str | None, bool]:
        """What the environment says, and whether that is JSON (`NAME_JSON`)."""
        given = self._lookup(name)
        other = f"{name}_JSON"
        taken = other in self.blocks or other in self.built_in
        if (given is None or favour_json) and not taken:
            text = self._lookup(other)
            if text is not None:
                return text, True
        return given, False


def _validate(block: Block, scope: Scope) -> None:
    check_arguments(block, _OF_VALIDATIONS)
    if block.labels:
        raise refused(block.place, "a validation has no name")
    condition = block.body.argument("condition")
    message = block.body.argument("error_message")
    if condition is None:
        raise refused(block.place, "a validation has a condition")
    value = evaluate(condition.expression, scope)
    try:
        holds = to_bool(value)
    except ValueTypeError as error:
        raise refused(condition.place, str(error)) from error
    if not holds:
        said = text_of(message.expression, scope) if message else "no message says what"
        raise refused(condition.expression.place, f"validation failed: {said}")


def _type(block: Block) -> Type | None:
    argument = block.body.argument("type")
    if argument is None:
        return None
    expression = argument.expression
    if isinstance(expression, Constant):
        if expression.value is None:
            return None
        # A JSON file says it as a string.
        expression = parse_expression(to_text(expression.value), expression.place)
    return types.constraint(expression)


def _converted(value: Value, wanted: Type, name: str, place: Place) -> Value:
    try:
        return convert(value, wanted)
    except ValueTypeError as error:
        message = f"the default of the variable {name} is no {wanted}: {error}"
        raise refused(place, message) from error


def _like(default: Value, given: str, name: str, place: Place) -> Value:
    """The environment's text, as the type that the default has."""
    if default is None or isinstance(default, str):
        return given
    if isinstance(default, bool):
        return _from_text(given, Type("bool"), name, place)
    if isinstance(default, Number):
        return _from_text(given, Type("number"), name, place)
    raise refused(
        place,
        f"the environment can't set the variable {name}: its default is a {type_name(default)}",
        f"give it a type, such as type = list(string), or set {name}_JSON",
    )


def _from_text(given: str, wanted: Type, name: str, place: Place) -> Value:
    try:
        return _parsed(given, wanted)
    except (ValueError, csv.Error) as error:
        message = f"the variable {name} is {wanted}, and the environment says {given!r}"
        raise refused(place, message, str(error)) from error


def _parsed(given: str, wanted: Type) -> Value:
    if wanted.kind == "bool":
        found = parse_bool(given)
        if found is None:
            raise ValueError("true or false is wanted")
        return found
    if wanted.kind == "number":
        return _number(given)
    if wanted == STRING:
        return given
    if wanted.kind in {"list", "set", "tuple", "map"}:
        return _collection(given, wanted)
    raise ValueError("set it as JSON, in the variable with _JSON after its name")


def _number(given: str) -> Number:
    value = float(given)
    if given != given.strip() or not math.isfinite(value):
        raise ValueError("a number is wanted")
    return from_float(value)


def _collection(given: str, wanted: Type) -> Value:
    words = next(csv.reader([given], strict=True), []) if given else []
    inner = wanted.elements if wanted.kind == "tuple" else (wanted.element or STRING,)
    if not all(kind.primitive for kind in inner):
        raise ValueError("set it as JSON, in the variable with _JSON after its name")
    if wanted.kind == "tuple":
        if len(words) != len(inner):
            raise ValueError(f"{len(inner)} elements are wanted, not {len(words)}")
        return tuple(_parsed(word, kind) for word, kind in zip(words, inner, strict=True))
    if wanted.kind == "map":
        made: dict[str, Value] = {}
        for word in words:
            parts = next(csv.reader([word], delimiter=":", strict=True), [])
            if len(parts) != 2:
                raise ValueError(f"{word!r} is not KEY:VALUE")
            made[parts[0]] = _parsed(parts[1], inner[0])
        return made
    return convert(tuple(_parsed(word, inner[0]) for word in words), wanted)
