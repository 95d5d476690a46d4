"""HCL text becomes syntax: bodies, blocks and expressions, as buildx reads them.

The grammar is that of hclsyntax (github.com/hashicorp/hcl, hclsyntax/spec.md). No library for
Python reads all of it as buildx does: tree-sitter-hcl 1.2 groups chained conditionals and chained
operators wrongly and knows no exponents, python-hcl2 8.1 hands heredocs back as text and refuses
`5-10`. What can't be read is refused with its place; nothing is passed over.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

from rootless_build.recipes.bake.hcl.escapes import unescape
from rootless_build.recipes.bake.hcl.expressions import Expressions
from rootless_build.recipes.bake.hcl.syntax import (
    Argument,
    Block,
    Body,
    Constant,
    Expression,
)
from rootless_build.recipes.bake.hcl.tokens import (
    CLOSE_QUOTE,
    END,
    LINE_END,
    NAME,
    OPEN_QUOTE,
    TEXT,
    Token,
    scan_file,
    scan_template,
)
from rootless_build.recipes.bake.source import Place, Source, refused


def parse_file(source: Source) -> Body:
    """The file's body. Raises BakeError for what is not HCL."""
    place = _places(source)
    return _Parser(scan_file(source.text, place), place).file()


def parse_expression(text: str, place: Place) -> Expression:
    """An expression that stands in a string, such as a type in a JSON file. Raises BakeError."""
    at = _everywhere(place)
    return Expressions(scan_file(text, at), at).alone()


def parse_template(text: str, place: Place) -> Expression:
    """A string of a JSON file, in which `${…}` and `%{…}` mean what they mean in HCL."""
    if "${" not in text and "%{" not in text:
        return Constant(text, place)
    at = _everywhere(place)
    return Expressions(scan_template(text, at), at).template(END)


def _everywhere(place: Place) -> Callable[[int], Place]:
    """Every place in a string is that of the string."""
    return lambda _: place


def _places(source: Source) -> Callable[[int], Place]:
    starts = [0, *(found.end() for found in re.finditer("\n", source.text))]

    def place(at: int) -> Place:
        line = bisect_right(starts, at)
        return Place(source, line, at - starts[line - 1] + 1)

    return place


class _Parser(Expressions):
    """Bodies and blocks, and the expressions in them."""

    def file(self) -> Body:
        """All of a file."""
        return self._body(END)

    def _body(self, end: str) -> Body:
        arguments: dict[str, Argument] = {}
        blocks: list[Block] = []
        while True:
            token = self._read()
            if token.kind == end:
                return Body(tuple(arguments.values()), tuple(blocks))
            if token.kind == LINE_END:
                continue
            if token.kind != NAME:
                hint = "names are not quoted" if token.kind == OPEN_QUOTE else ""
                inside = "" if end == END else ", or the `}` of this one,"
                raise self._unexpected(token, f"an argument or a block{inside}", hint)
            if self._follows("="):
                self._add(arguments, self._argument(token))
                self._expect_end("an argument")
            else:
                blocks.append(self._block(token))
                self._expect_end("a block")

    def _add(self, arguments: dict[str, Argument], new: Argument) -> None:
        before = arguments.get(new.name)
        if before is not None:
            raise refused(new.place, f"{new.name} was already set in line {before.place.line}")
        arguments[new.name] = new

    def _argument(self, name: Token) -> Argument:
        self._expect("=")
        return Argument(name.text, self._expression(), self._place(name))

    def _expect_end(self, what: str) -> None:
        token = self._peek()
        if token.kind not in {LINE_END, END}:
            hint = "one follows the other on a line of its own, without a comma"
            raise self._unexpected(token, f"the line's end after {what}", hint)
        self._read()

    def _block(self, kind: Token) -> Block:
        labels: list[str] = []
        while not self._follows("{"):
            token = self._read()
            if token.kind == NAME:
                labels.append(token.text)
            elif token.kind == OPEN_QUOTE:
                labels.append(self._label())
            else:
                raise self._unexpected(token, "`=`, or a name or the `{` of a block,")
        self._read()
        if self._follows(LINE_END, END, "}"):
            body = self._body("}")
        else:
            name = self._expect(NAME, "an argument, or the block's `}`,")
            body = Body((self._argument(name),), ())
            hint = "a block of one line has one argument in it"
            if not self._follows("}"):
                raise self._unexpected(self._peek(), "`}`", hint)
            self._read()
        return Block(kind.text, tuple(labels), body, self._place(kind))

    def _label(self) -> str:
        made: list[str] = []
        while not self._follows(CLOSE_QUOTE):
            token = self._read()
            if token.kind != TEXT:
                hint = "$${ is a `${` that means itself"
                raise self._unexpected(token, "a block's name has no template in it", hint)
            made.append(unescape(token, self._place_at, quoted=True))
        self._read()
        return "".join(made)
