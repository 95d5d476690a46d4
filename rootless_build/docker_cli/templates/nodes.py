"""The syntax of a template as data; `str` of a node is what Go's messages show of it."""

from __future__ import annotations

from msgspec import Struct

from rootless_build.docker_cli.templates.tokens import quoted


class Node(Struct, frozen=True):
    """What all nodes have: where in the text they are."""

    place: int


class Text(Node, frozen=True):
    """What is printed as it stands."""

    text: str


class Dot(Node, frozen=True):
    """`.`"""

    def __str__(self) -> str:
        return "."


class Nil(Node, frozen=True):
    """`nil`"""

    def __str__(self) -> str:
        return "nil"


class Constant(Node, frozen=True):
    """A number, a boolean or a string; `written` is its source."""

    value: bool | int | float | str
    written: str

    def __str__(self) -> str:
        return self.written


class Field(Node, frozen=True):
    """`.A.B`"""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


class Variable(Node, frozen=True):
    """`$x.A`"""

    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


class Identifier(Node, frozen=True):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


class Chain(Node, frozen=True):
    """`(…).A.B`"""

    of: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        of = f"({self.of})" if isinstance(self.of, Pipeline) else str(self.of)
        return of + "".join(f".{name}" for name in self.names)


class Command(Node, frozen=True):
    """One stage of a pipeline."""

    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        shown = (f"({each})" if isinstance(each, Pipeline) else str(each) for each in self.operands)
        return " ".join(shown)


class Pipeline(Node, frozen=True):
    """`$x := a | b`; `assigns` where it is `=`."""

    commands: tuple[Command, ...]
    declared: tuple[str, ...] = ()
    assigns: bool = False

    def __str__(self) -> str:
        sign = " = " if self.assigns else " := "
        before = ", ".join(self.declared) + sign if self.declared else ""
        return before + " | ".join(map(str, self.commands))


Operand = Dot | Nil | Constant | Field | Variable | Identifier | Chain | Pipeline


class Action(Node, frozen=True):
    """`{{pipeline}}`"""

    pipeline: Pipeline


class Branch(Node, frozen=True):
    """`if`, `with` or `range`."""

    keyword: str
    pipeline: Pipeline
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


class Jump(Node, frozen=True):
    """`break` or `continue`."""

    keyword: str


class Call(Node, frozen=True):
    """`{{template "name" pipeline}}`"""

    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        given = f" {self.pipeline}" if self.pipeline else ""
        return f"{{{{template {quoted(self.name)}{given}}}}}"


Statement = Text | Action | Branch | Jump | Call


class Template(Struct, frozen=True):
    """A template that was read, with those that it defines."""

    text: str
    body: tuple[Statement, ...]
    defined: dict[str, tuple[Statement, ...]]
