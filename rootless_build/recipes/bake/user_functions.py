"""Functions that a bake file defines itself."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.blocks import check_arguments
from rootless_build.recipes.bake.hcl.evaluate import Local, Scope, evaluate
from rootless_build.recipes.bake.hcl.functions.function import ArgumentError
from rootless_build.recipes.bake.hcl.syntax import Block, Constant, Expression, Tuple, Variable
from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import refused

_OF_FUNCTIONS: Final = ("params", "variadic_params", "result")


class Function(Struct, frozen=True):
    """A function: the names of its arguments, that of the rest where it takes more, its result."""

    parameters: tuple[str, ...]
    variadic: str | None
    result: Expression

    def result_of(self, arguments: tuple[Value, ...], scope: Scope) -> Value:
        """The function's value. Raises ArgumentError for too few arguments, or too many."""
        count = len(self.parameters)
        if len(arguments) < count or (len(arguments) > count and self.variadic is None):
            raise ArgumentError(f"it takes {count} arguments, and there are {len(arguments)}")
        names: dict[str, Value] = dict(zip(self.parameters, arguments, strict=False))
        if self.variadic is not None:
            names[self.variadic] = arguments[count:]
        return evaluate(self.result, Local(scope, names, scope.budget))


def check(block: Block) -> None:
    """Raises BakeError for a block that defines no function."""
    check_arguments(block, _OF_FUNCTIONS)
    function(block)


def function(block: Block) -> Function:
    """The function that a block defines. Raises BakeError."""
    result = block.body.argument("result")
    params = block.body.argument("params")
    name = block.labels[0]
    if result is None or params is None:
        missing = "result" if result is None else "params"
        raise refused(block.place, f"the function {name} has no {missing}")
    if not isinstance(params.expression, Tuple):
        raise refused(params.place, "params is a list of names")
    variadic = block.body.argument("variadic_params")
    names = tuple(_word(item) for item in params.expression.items)
    rest = _word(variadic.expression) if variadic else None
    return Function(names, rest, result.expression)


def _word(expression: Expression) -> str:
    if isinstance(expression, Variable):
        return expression.name
    if isinstance(expression, Constant) and isinstance(expression.value, str):
        return expression.value
    raise refused(expression.place, "a parameter is a name")
