"""Functions of numbers and bools (go-cty's function/stdlib: number.go, bool.go, general.go)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from rootless_build.recipes.bake.hcl import numbers
from rootless_build.recipes.bake.hcl.functions.function import ArgumentError, Function, function
from rootless_build.recipes.bake.hcl.numbers import Number, from_float
from rootless_build.recipes.bake.hcl.values import Value, equal


def _log(number: Number, base: Number) -> Number:
    try:
        top = math.log(number) if number else -math.inf
        return from_float(top / math.log(base))
    except (ValueError, ZeroDivisionError) as error:
        raise ArgumentError(f"there is no logarithm of {number} to the base {base}") from error


def _power(number: Number, exponent: Number) -> Number:
    try:
        return from_float(math.pow(number, exponent))
    except OverflowError:
        return math.inf
    except ValueError as error:
        if number == 0:
            return math.inf
        raise ArgumentError(f"{number} can't be raised to {exponent}") from error


def _whole(choose: Callable[[int | Fraction], int]) -> Function:
    def chosen(number: Number) -> Number:
        if isinstance(number, float):
            return numbers.truncated(number)
        return choose(number)

    return function("number", chosen)


def _absolute(number: Number) -> Number:
    return number if number > 0 else numbers.subtracted(0, number)


def _parse(text: str, base: int) -> int:
    try:
        return int(text, base)
    except ValueError as error:
        raise ArgumentError(f"{text!r} is not a whole number of base {base}") from error


def _of_all(choose: str) -> Function:
    def chosen(*numbers: Number) -> Number:
        if not numbers:
            raise ArgumentError("it takes at least one number")
        return max(numbers) if choose == "max" else min(numbers)

    return function("number...", chosen)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "absolute": function("number", _absolute),
    "add": function("number number", numbers.added),
    "and": function("bool bool", lambda a, b: a and b),
    "ceil": _whole(math.ceil),
    "divide": function("number number", numbers.divided),
    "equal": function("any any", equal),
    "floor": _whole(math.floor),
    "greaterthan": function("number number", lambda a, b: a > b),
    "greaterthanorequalto": function("number number", lambda a, b: a >= b),
    "int": _whole(math.trunc),
    "lessthan": function("number number", lambda a, b: a < b),
    "lessthanorequalto": function("number number", lambda a, b: a <= b),
    "log": function("number number", _log),
    "max": _of_all("max"),
    "min": _of_all("min"),
    "modulo": function("number number", numbers.remainder),
    "multiply": function("number number", numbers.multiplied),
    "negate": function("number", numbers.negated),
    "not": function("bool", lambda a: not a),
    "notequal": function("any any", lambda a, b: not equal(a, b)),
    "or": function("bool bool", lambda a, b: a or b),
    "parseint": function("string whole", _parse),
    "pow": function("number number", _power),
    "signum": function("whole", lambda a: (a > 0) - (a < 0)),
    "subtract": function("number number", numbers.subtracted),
}


def compared(operator: str, left: Number, right: Number) -> Value:
    """The value of a comparison."""
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    return left > right if operator == ">" else left >= right
