"""The syntax of a bake file, as data: what the parser's library gives, made typed.

Names as in the HCL native syntax specification (github.com/hashicorp/hcl, hclsyntax/spec.md).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import Place


class Constant(Struct, frozen=True):
    """A number, a bool, null, or a string with nothing to replace in it."""

    value: Value
    place: Place


class Template(Struct, frozen=True):
    """A string with parts to replace; `${…}` alone is none, but what is in it."""

    parts: tuple[Expression, ...]
    place: Place


class Variable(Struct, frozen=True):
    """A name."""

    name: str
    place: Place


class Attribute(Struct, frozen=True):
    """`of.name`."""

    of: Expression
    name: str
    place: Place


class Index(Struct, frozen=True):
    """`of[key]`."""

    of: Expression
    key: Expression
    place: Place


class Splat(Struct, frozen=True):
    """`of[*]` and `of.*`: `each` is what follows, on `Element` in the place of an element."""

    of: Expression
    each: Expression
    place: Place


class Element(Struct, frozen=True):
    """The element that a splat is at."""

    place: Place


class Call(Struct, frozen=True):
    """`name(arguments…)`; `expand`: the last argument is a list of arguments."""

    name: str
    arguments: tuple[Expression, ...]
    expand: bool
    place: Place


class Unary(Struct, frozen=True):
    """`!x` and `-x`."""

    operator: str
    operand: Expression
    place: Place


class Binary(Struct, frozen=True):
    """Two operands."""

    operator: str
    left: Expression
    right: Expression
    place: Place


class Conditional(Struct, frozen=True):
    """`condition ? yes : no`, and `%{ if }`."""

    condition: Expression
    yes: Expression
    no: Expression
    place: Place


class Tuple(Struct, frozen=True):
    """`[…]`."""

    items: tuple[Expression, ...]
    place: Place


class Object(Struct, frozen=True):
    """`{…}`; a key that is a bare name is a constant."""

    items: tuple[tuple[Expression, Expression], ...]
    place: Place


class For(Struct, frozen=True):
    """A for expression; `joined` is one in a template, whose results are put together.

    `key` is for an object alone; `grouped` is its `...`.
    """

    names: tuple[str, ...]
    collection: Expression
    key: Expression | None
    value: Expression
    condition: Expression | None
    grouped: bool
    kind: Literal["tuple", "object", "joined"]
    place: Place


Expression = (
    Constant
    | Template
    | Variable
    | Attribute
    | Index
    | Splat
    | Element
    | Call
    | Unary
    | Binary
    | Conditional
    | Tuple
    | Object
    | For
)


class Argument(Struct, frozen=True):
    """`name = expression` in a body."""

    name: str
    expression: Expression
    place: Place


class Block(Struct, frozen=True):
    """`type "label"… { … }`."""

    type: str
    labels: tuple[str, ...]
    body: Body
    place: Place


class Body(Struct, frozen=True):
    """What is in a file or a block, in order."""

    arguments: tuple[Argument, ...]
    blocks: tuple[Block, ...]

    def argument(self, name: str) -> Argument | None:
        """The argument of that name."""
        return next((a for a in self.arguments if a.name == name), None)
