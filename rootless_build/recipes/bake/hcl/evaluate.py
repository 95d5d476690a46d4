"""Gives an expression its value (hclsyntax/spec.md, "Expression Evaluation")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol, assert_never

from msgspec import Struct

from rootless_build.recipes.bake.hcl import numbers, types
from rootless_build.recipes.bake.hcl.budget import Budget
from rootless_build.recipes.bake.hcl.convert import convert
from rootless_build.recipes.bake.hcl.functions import STANDARD, ArgumentError
from rootless_build.recipes.bake.hcl.functions.arithmetic import compared
from rootless_build.recipes.bake.hcl.functions.sequences import at_key
from rootless_build.recipes.bake.hcl.numbers import Number, NumberError
from rootless_build.recipes.bake.hcl.syntax import (
    Attribute,
    Binary,
    Call,
    Conditional,
    Constant,
    Element,
    Expression,
    For,
    Index,
    Object,
    Splat,
    Template,
    Tuple,
    Unary,
    Variable,
)
from rootless_build.recipes.bake.hcl.unify import type_of, unified
from rootless_build.recipes.bake.hcl.values import (
    Value,
    ValueTypeError,
    equal,
    to_bool,
    to_number,
    to_text,
    type_name,
)
from rootless_build.recipes.bake.source import BakeError, Place, nearest, refused

_ARITHMETIC: Final[Mapping[str, Callable[[Number, Number], Number]]] = {
    "+": numbers.added,
    "-": numbers.subtracted,
    "*": numbers.multiplied,
    "/": numbers.divided,
    "%": numbers.remainder,
}
_COMPARISONS: Final = frozenset({"<", "<=", ">", ">="})
_ELEMENT: Final = "*"
"""The name that stands for a splat's element; no variable can have it."""
_BY_EXPRESSION: Final = ("can", "convert", "try")


class Scope(Protocol):
    """Where names get their values."""

    def variable(self, name: str, place: Place) -> Value:
        """The value of a variable. Raises BakeError when there is none."""

    def blocks(self, kind: str) -> bool:
        """Whether the name is that of a kind of block, whose members are read one by one."""

    def block_value(self, kind: str, name: str, attribute: str | None, place: Place) -> Value:
        """`target.NAME.ATTRIBUTE`, or all of `target.NAME`. Raises BakeError."""

    def function(self, name: str, place: Place) -> Callable[[tuple[Value, ...]], Value] | None:
        """A function of the file; None when there is none of that name."""

    def function_names(self) -> tuple[str, ...]:
        """The names of the file's functions, for a message."""

    @property
    def budget(self) -> Budget:
        """What evaluation may cost."""


class Local(Struct, frozen=True):
    """A scope with a few names before those of the scope around it."""

    outer: Scope
    names: Mapping[str, Value]
    budget: Budget

    def variable(self, name: str, place: Place) -> Value:
        """See Scope."""
        return self.names[name] if name in self.names else self.outer.variable(name, place)

    def blocks(self, kind: str) -> bool:
        """See Scope."""
        return kind not in self.names and self.outer.blocks(kind)

    def block_value(self, kind: str, name: str, attribute: str | None, place: Place) -> Value:
        """See Scope."""
        return self.outer.block_value(kind, name, attribute, place)

    def function(self, name: str, place: Place) -> Callable[[tuple[Value, ...]], Value] | None:
        """See Scope."""
        return self.outer.function(name, place)

    def function_names(self) -> tuple[str, ...]:
        """See Scope."""
        return self.outer.function_names()


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The expression's value. Raises BakeError, which names the place of what is wrong."""
    scope.budget.spend(1, expression.place)
    value = _evaluated(expression, scope)
    if isinstance(expression, Constant | Variable | Element | Attribute | Index):
        return value
    return scope.budget.made(value, expression.place)


def _evaluated(expression: Expression, scope: Scope) -> Value:  # noqa: C901, PLR0911, PLR0912
    # One branch for each kind of expression there is.
    match expression:
        case Constant():
            return expression.value
        case Template():
            return _template(expression, scope)
        case Variable():
            if scope.blocks(expression.name):
                raise refused(expression.place, f"{expression.name} is no variable; name a member")
            return scope.variable(expression.name, expression.place)
        case Attribute() | Index():
            return _member(expression, scope)
        case Splat():
            return _splat(expression, scope)
        case Element():
            return scope.variable(_ELEMENT, expression.place)
        case Call():
            return _call(expression, scope)
        case Unary():
            with _typed(expression.place):
                operand = evaluate(expression.operand, scope)
                if expression.operator == "!":
                    return not to_bool(operand)
                return numbers.negated(to_number(operand))
        case Binary():
            return _binary(expression, scope)
        case Conditional():
            return _conditional(expression, scope)
        case Tuple():
            return tuple(evaluate(item, scope) for item in expression.items)
        case Object():
            return {_key(k, scope): evaluate(value, scope) for k, value in expression.items}
        case For():
            return _for(expression, scope)
        case _:
            assert_never(expression)


def text_of(expression: Expression, scope: Scope) -> str:
    """The expression's value as a string. Raises BakeError."""
    with _typed(expression.place):
        return to_text(evaluate(expression, scope))


@contextmanager
def _typed(place: Place) -> Iterator[None]:
    try:
        yield
    except (ValueTypeError, ArgumentError, NumberError) as error:
        raise refused(place, str(error)) from error


def _template(template: Template, scope: Scope) -> Value:
    pieces = []
    for part in template.parts:
        with _typed(part.place):
            pieces.append(to_text(evaluate(part, scope)))
            scope.budget.used(pieces[-1:], part.place)
    return "".join(pieces)


def _key(expression: Expression, scope: Scope) -> str:
    with _typed(expression.place):
        return to_text(evaluate(expression, scope))


# --- members ------------------------------------------------------------------------------------


def _member(expression: Attribute | Index, scope: Scope) -> Value:
    steps = _steps(expression, scope)
    if steps is not None:
        kind, name, rest = steps
        attribute = _name(rest[0], scope) if rest else None
        value = scope.block_value(kind, name, attribute, expression.place)
        for step in rest[1:]:
            value = _at(step, value, scope)
        return value
    return _at(expression, evaluate(expression.of, scope), scope)


def _steps(
    expression: Attribute | Index, scope: Scope
) -> tuple[str, str, list[Attribute | Index]] | None:
    """A member of a block's: its kind, its name, and what follows."""
    steps: list[Attribute | Index] = []
    at: Expression = expression
    while isinstance(at, Attribute | Index):
        steps.append(at)
        at = at.of
    if not isinstance(at, Variable) or not scope.blocks(at.name):
        return None
    first, *rest = reversed(steps)
    return at.name, _name(first, scope), rest


def _name(step: Attribute | Index, scope: Scope) -> str:
    return step.name if isinstance(step, Attribute) else text_of(step.key, scope)


def _at(step: Attribute | Index, value: Value, scope: Scope) -> Value:
    if isinstance(step, Attribute):
        if not isinstance(value, Mapping):
            what = "null" if value is None else f"a {type_name(value)}"
            raise refused(step.place, f"{what} has no attribute {step.name!r}")
        if step.name not in value:
            raise refused(
                step.place, f"there is no attribute {step.name!r}", nearest(step.name, value)
            )
        return value[step.name]
    with _typed(step.place):
        return at_key(value, evaluate(step.key, scope))


def _splat(expression: Splat, scope: Scope) -> Value:
    value = evaluate(expression.of, scope)
    if value is None:
        return ()
    items = value if isinstance(value, tuple) else (value,)
    return tuple(
        evaluate(expression.each, Local(scope, {_ELEMENT: item}, scope.budget)) for item in items
    )


# --- operators ----------------------------------------------------------------------------------


def _binary(expression: Binary, scope: Scope) -> Value:
    operator = expression.operator
    left = evaluate(expression.left, scope)
    with _typed(expression.place):
        if operator == "&&":
            return to_bool(left) and to_bool(evaluate(expression.right, scope))
        if operator == "||":
            return to_bool(left) or to_bool(evaluate(expression.right, scope))
        right = evaluate(expression.right, scope)
        scope.budget.used((left, right), expression.place)
        if operator in {"==", "!="}:
            return equal(left, right) == (operator == "==")
        if operator in _COMPARISONS:
            return compared(operator, to_number(left), to_number(right))
        return _ARITHMETIC[operator](to_number(left), to_number(right))


def _conditional(expression: Conditional, scope: Scope) -> Value:
    with _typed(expression.condition.place):
        chosen = to_bool(evaluate(expression.condition, scope))
    value = evaluate(expression.yes if chosen else expression.no, scope)
    try:
        other = evaluate(expression.no if chosen else expression.yes, scope)
    except BakeError:
        return value
    if value is None or other is None:
        return value
    scope.budget.used((value, other), expression.place)
    common = unified((type_of(value), type_of(other)))
    if common is None:
        what = f"a {type_name(value)} and a {type_name(other)}"
        message = f"both values of a condition need one type, and these are {what}"
        raise refused(expression.yes.place, message)
    with _typed(expression.place):
        return convert(value, common)


def _for(expression: For, scope: Scope) -> Value:
    collection = evaluate(expression.collection, scope)
    pairs: list[tuple[Value, Value]]
    if isinstance(collection, Mapping):
        pairs = [(key, collection[key]) for key in sorted(collection)]
    elif isinstance(collection, tuple):
        pairs = list(enumerate(collection))
    else:
        place = expression.collection.place
        raise refused(place, f"a {type_name(collection)} can't be gone through")
    items: list[Value] = []
    made: dict[str, Value] = {}
    grouped: dict[str, list[Value]] = {}
    for key, value in pairs:
        given = (key, value) if len(expression.names) == 2 else (value,)
        inner = Local(scope, dict(zip(expression.names, given, strict=True)), scope.budget)
        if expression.condition is not None:
            with _typed(expression.condition.place):
                if not to_bool(evaluate(expression.condition, inner)):
                    continue
        result = evaluate(expression.value, inner)
        if expression.key is None:
            items.append(result)
            continue
        name = _key(expression.key, inner)
        if expression.grouped:
            grouped.setdefault(name, []).append(result)
        elif name in made:
            raise refused(expression.key.place, f"the key {name!r} comes twice; group with `...`")
        else:
            made[name] = result
    if expression.kind == "joined":
        with _typed(expression.place):
            return "".join(map(to_text, items))
    if expression.key is None:
        return tuple(items)
    return {**made, **{name: tuple(group) for name, group in grouped.items()}}


# --- functions ----------------------------------------------------------------------------------


def _call(call: Call, scope: Scope) -> Value:
    if call.name in _BY_EXPRESSION:
        return _by_expression(call, scope)
    own = scope.function(call.name, call.place)
    run = own or STANDARD.get(call.name)
    if run is None:
        known = (*scope.function_names(), *STANDARD, *_BY_EXPRESSION)
        raise refused(
            call.place,
            f"the function {call.name!r} is not known here",
            nearest(call.name, known),
        )
    arguments = tuple(evaluate(argument, scope) for argument in call.arguments)
    if call.expand:
        last = arguments[-1]
        if not isinstance(last, tuple):
            raise refused(call.arguments[-1].place, "`...` follows a list")
        arguments = (*arguments[:-1], *last)
    scope.budget.used(arguments, call.place)
    try:
        return run(arguments)
    except (ArgumentError, ValueTypeError, NumberError, OverflowError, TypeError) as error:
        raise refused(call.place, f"{call.name}: {error}") from error


def _by_expression(call: Call, scope: Scope) -> Value:
    arguments = call.arguments
    if call.name == "convert":
        if len(arguments) != 2:
            raise refused(call.place, "convert takes a value and a type")
        wanted = types.constraint(arguments[1])
        value = evaluate(arguments[0], scope)
        scope.budget.used((value,), call.place)
        with _typed(call.place):
            return convert(value, wanted)
    if call.name == "can" and len(arguments) == 1:
        try:
            evaluate(arguments[0], scope)
        except BakeError:
            return False
        return True
    last: BakeError | None = None
    for argument in arguments if call.name == "try" else ():
        try:
            return evaluate(argument, scope)
        except BakeError as error:
            last = error
    raise last or refused(call.place, f"{call.name} takes an expression")
