"""Functions of numbers and bools (go-cty's function/stdlib: number.go, bool.go, general.go)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from rootless_build.recipes.bake.functions.function import ArgumentError, Function, function
from rootless_build.recipes.bake.values import Value, equal, shortest

Number = int | float


def divide(left: Number, right: Number) -> Number:
    """A quotient; never cut off."""
    if right == 0:
        raise ArgumentError("nothing can be divided by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return shortest(left / right)


def modulo(left: Number, right: Number) -> Number:
    """What is left over; it has the sign of `left`."""
    if right == 0:
        raise ArgumentError("nothing can be divided by zero")
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) % abs(right) * (-1 if left < 0 else 1)
    return shortest(math.fmod(left, right))


def _log(number: Number, base: Number) -> Number:
    try:
        return shortest(math.log(number) / math.log(base))
    except (ValueError, ZeroDivisionError) as error:
        raise ArgumentError(f"there is no logarithm of {number} to the base {base}") from error


def _power(number: Number, exponent: Number) -> Number:
    try:
        made = math.pow(number, exponent)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"{number} can't be raised to {exponent}") from error
    return shortest(made)


def _parse(text: str, base: Number) -> int:
    try:
        return int(text, int(base))
    except ValueError as error:
        raise ArgumentError(f"{text!r} is not a whole number of base {base}") from error


def _of_all(choose: str) -> Function:
    def chosen(*numbers: Number) -> Number:
        if not numbers:
            raise ArgumentError("it takes at least one number")
        return max(numbers) if choose == "max" else min(numbers)

    return function("number...", chosen)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "absolute": function("number", abs),
    "add": function("number number", lambda a, b: shortest(a + b)),
    "and": function("bool bool", lambda a, b: a and b),
    "ceil": function("number", math.ceil),
    "divide": function("number number", divide),
    "equal": function("any any", equal),
    "floor": function("number", math.floor),
    "greaterthan": function("number number", lambda a, b: a > b),
    "greaterthanorequalto": function("number number", lambda a, b: a >= b),
    "int": function("number", int),
    "lessthan": function("number number", lambda a, b: a < b),
    "lessthanorequalto": function("number number", lambda a, b: a <= b),
    "log": function("number number", _log),
    "max": _of_all("max"),
    "min": _of_all("min"),
    "modulo": function("number number", modulo),
    "multiply": function("number number", lambda a, b: shortest(a * b)),
    "negate": function("number", lambda a: -a),
    "not": function("bool", lambda a: not a),
    "notequal": function("any any", lambda a, b: not equal(a, b)),
    "or": function("bool bool", lambda a, b: a or b),
    "parseint": function("string number", _parse),
    "pow": function("number number", _power),
    "signum": function("number", lambda a: (a > 0) - (a < 0)),
    "subtract": function("number number", lambda a, b: shortest(a - b)),
}


def compared(operator: str, left: Number, right: Number) -> Value:
    """The value of a comparison."""
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    return left > right if operator == ">" else left >= right
