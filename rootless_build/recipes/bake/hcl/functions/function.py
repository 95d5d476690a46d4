"""What a function of the standard library is: what it takes, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.hcl.convert import convert
from rootless_build.recipes.bake.hcl.values import (
    ANYTHING,
    BOOL,
    NUMBER,
    STRING,
    Type,
    Value,
    ValueTypeError,
)

SEQUENCE: Final = Type("sequence")
ALIKE: Final = Type("list", ANYTHING)
TEXTS: Final = Type("list", STRING)
MAPPING: Final = Type("mapping")
_TYPES: Final = {
    "any": ANYTHING,
    "bool": BOOL,
    "number": NUMBER,
    "whole": Type("whole"),
    "string": STRING,
    "list": SEQUENCE,
    "alike": ALIKE,
    "texts": TEXTS,
    "map": MAPPING,
}


MOST: Final = 100_000
"""Elements of a list that a function makes."""
LONGEST: Final = 1_000_000
"""Characters of a string that a function makes."""


def within(count: int, most: int = MOST) -> int:
    """The number of what is to be made. Raises ArgumentError where there are too many."""
    if count > most:
        raise ArgumentError(f"it would make {count:,}, and {most:,} are the most here")
    return count


class ArgumentError(ValueError):
    """A function can't do anything with its arguments; the text says why."""


class Function(Struct, frozen=True):
    """`parameters` are needed, any number of `variadic` may follow.

    `run` gets the arguments, converted; it raises ArgumentError.
    """

    parameters: tuple[Type, ...]
    variadic: Type | None
    run: Callable[..., Value]

    def __call__(self, arguments: tuple[Value, ...]) -> Value:
        """The function's value. Raises ArgumentError."""
        count = len(self.parameters)
        if len(arguments) < count or (len(arguments) > count and self.variadic is None):
            least = "at least " if self.variadic is not None else ""
            raise ArgumentError(
                f"it takes {least}{count} arguments, and there are {len(arguments)}"
            )
        given = []
        for number, argument in enumerate(arguments, 1):
            wanted = self.parameters[number - 1] if number <= count else self.variadic
            assert wanted is not None  # the count was checked
            if argument is None and wanted.kind != "any":
                raise ArgumentError(f"argument {number} is null")
            try:
                given.append(convert(argument, wanted))
            except ValueTypeError as error:
                raise ArgumentError(f"argument {number}: {error}") from error
        return self.run(*given)


def function(types: str, run: Callable[..., Value]) -> Function:
    """A function with parameters such as `string number`, or `string any...`."""
    words = types.split()
    variadic = None
    if words and words[-1].endswith("..."):
        variadic = _TYPES[words.pop().removesuffix("...")]
    return Function(tuple(_TYPES[word] for word in words), variadic, run)
