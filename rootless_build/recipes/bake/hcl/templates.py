"""The parts of a template become an expression: white space, directives, indentation.

Source: hclsyntax/spec.md of HCL, "Templates"; where it is silent, buildx 0.30 was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.hcl.syntax import Conditional, Constant, Expression, For, Template
from rootless_build.recipes.bake.source import Place, refused

SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""White space, as Go has it."""


class Text(Struct, frozen=True):
    """Literal text, escapes replaced."""

    text: str
    place: Place


class Interpolated(Struct, frozen=True):
    """`${…}`."""

    expression: Expression
    place: Place


class If(Struct, frozen=True):
    """`%{ if … }`."""

    condition: Expression
    place: Place


class Each(Struct, frozen=True):
    """`%{ for … }`."""

    names: tuple[str, ...]
    collection: Expression
    place: Place


class Mark(Struct, frozen=True):
    """`%{ else }`, `%{ endif }` or `%{ endfor }`."""

    word: str
    place: Place


Part = Text | Interpolated | If | Each | Mark


def template(parts: Sequence[Part], place: Place, *, flush: bool) -> Expression:
    """What a template's parts mean; `flush`: a heredoc with `<<-`. Raises BakeError."""
    if flush:
        parts = _flushed(parts)
    parts = _melded(parts)
    if len(parts) == 1 and isinstance(parts[0], Interpolated):
        # One alone keeps its type.
        return parts[0].expression
    builder = _Builder(parts, place)
    return _joined(builder.until(None), place)


def _joined(expressions: tuple[Expression, ...], place: Place) -> Expression:
    if not expressions:
        return Constant("", place)
    first = expressions[0]
    alone = len(expressions) == 1 and isinstance(first, Constant) and isinstance(first.value, str)
    return first if alone else Template(expressions, place)


def _melded(parts: Sequence[Part]) -> list[Part]:
    made: list[Part] = []
    for part in parts:
        before = made[-1] if made else None
        if isinstance(part, Text) and isinstance(before, Text):
            made[-1] = Text(before.text + part.text, before.place)
        else:
            made.append(part)
    return made


def _flushed(parts: Sequence[Part]) -> list[Part]:
    """Without the indentation that all lines have, blank ones apart."""
    indents: dict[int, int] = {}
    least: int | None = None
    begins = True
    for number, part in enumerate(parts):
        if begins:
            width = 0
            blank = False
            if isinstance(part, Text):
                rest = part.text.lstrip(SPACE)
                blank = not rest and part.text.endswith("\n")
                width = len(part.text) - len(rest)
            if not blank:
                least = width if least is None else min(least, width)
                indents[number] = width
        begins = isinstance(part, Text) and part.text.endswith("\n")
    made = list(parts)
    for number in indents:
        part = made[number]
        if isinstance(part, Text):
            made[number] = Text(part.text[least or 0 :], part.place)
    return made


class _Builder:
    """Directives, each with what is inside it."""

    def __init__(self, parts: Sequence[Part], place: Place) -> None:
        self._parts = parts
        self._place = place
        self._at = 0
        self._ended: str | None = None

    def until(self, opening: If | Each | None, *ends: str) -> tuple[Expression, ...]:
        """The expressions up to a mark, which is passed; without `ends` all there are."""
        return tuple(self._expressions(opening, ends))

    def _expressions(
        self, opening: If | Each | None, ends: tuple[str, ...]
    ) -> Iterator[Expression]:
        while self._at < len(self._parts):
            part = self._parts[self._at]
            self._at += 1
            match part:
                case Text():
                    yield Constant(part.text, part.place)
                case Interpolated():
                    yield part.expression
                case If():
                    yield self._if(part)
                case Each():
                    inside = self._inside(part, "endfor")
                    collection = part.collection
                    yield For(
                        part.names, collection, None, inside, None, False, "joined", part.place
                    )
                case Mark():
                    if part.word not in ends:
                        wanted = f"; {ends[-1]} is wanted" if ends else ""
                        raise refused(part.place, f"%{{ {part.word} }} has no beginning{wanted}")
                    self._ended = part.word
                    return
        if opening is not None:
            raise refused(opening.place, f"there is no %{{ {ends[-1]} }} for this")

    def _inside(self, opening: If | Each, *ends: str) -> Expression:
        return _joined(self.until(opening, *ends), opening.place)

    def _if(self, opening: If) -> Conditional:
        yes = self._inside(opening, "else", "endif")
        no: Expression = Constant("", opening.place)
        if self._ended == "else":
            no = self._inside(opening, "endif")
        return Conditional(opening.condition, yes, no, opening.place)
