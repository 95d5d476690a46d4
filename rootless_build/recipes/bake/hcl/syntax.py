"""The syntax of a bake file, as data: what the parser's library gives, made typed.

Names as in the HCL native syntax specification (github.com/hashicorp/hcl, hclsyntax/spec.md).
"""

from __future__ import annotations

from typing import Literal

from rootless_build.model.data import dataclass
from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import Place


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a bool, null, or a string with nothing to replace in it."""

    value: Value
    place: Place


@dataclass(frozen=True, slots=True)
class Template:
    """A string with parts to replace; `${…}` alone is none, but what is in it."""

    parts: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Variable:
    """A name."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Attribute:
    """`of.name`."""

    of: Expression
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Index:
    """`of[key]`."""

    of: Expression
    key: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Splat:
    """`of[*]` and `of.*`: `each` is what follows, on `Element` in the place of an element."""

    of: Expression
    each: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Element:
    """The element that a splat is at."""

    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments…)`; `expand`: the last argument is a list of arguments."""

    name: str
    arguments: tuple[Expression, ...]
    expand: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Unary:
    """`!x` and `-x`."""

    operator: str
    operand: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands."""

    operator: str
    left: Expression
    right: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Conditional:
    """`condition ? yes : no`, and `%{ if }`."""

    condition: Expression
    yes: Expression
    no: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Tuple:
    """`[…]`."""

    items: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Object:
    """`{…}`; a key that is a bare name is a constant."""

    items: tuple[tuple[Expression, Expression], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class For:
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


@dataclass(frozen=True, slots=True)
class Argument:
    """`name = expression` in a body."""

    name: str
    expression: Expression
    place: Place


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label"… { … }`."""

    type: str
    labels: tuple[str, ...]
    body: Body
    place: Place


@dataclass(frozen=True, slots=True)
class Body:
    """What is in a file or a block, in order."""

    arguments: tuple[Argument, ...]
    blocks: tuple[Block, ...]

    def argument(self, name: str) -> Argument | None:
        """The argument of that name."""
        return next((a for a in self.arguments if a.name == name), None)
