"""HCL text becomes syntax: tree-sitter reads, this makes it typed and refuses what is not HCL.

The grammar is tree-sitter-hcl's. Of the libraries there are it alone parses the templates in
heredocs, strip markers and `5-10`; python-hcl2 (8.1) hands heredocs back as text and refuses the
other two. tree-sitter itself goes on after an error, so every tree is looked through for one; and
white space belongs to no node, so text in templates is taken from between the nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import tree_sitter
import tree_sitter_hcl
from tree_sitter import Node

from rootless_build.recipes.bake.source import BakeError, Place, Source, refused
from rootless_build.recipes.bake.syntax import (
    Argument,
    Attribute,
    Binary,
    Block,
    Body,
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
from rootless_build.recipes.bake.values import parse_number

_OPERATORS: Final = frozenset(
    ["*", "/", "%", "+", "-", ">", ">=", "<", "<=", "==", "!=", "&&", "||"]
)
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_BLANK: Final = re.compile(r"[ \t]*")
_ESCAPE: Final = re.compile(
    r"\\(?:[nrt\"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?P<odd>.))|(?P<marker>[$%])(?P=marker)\{",
    re.DOTALL,
)
_HEREDOC_ESCAPE: Final = re.compile(r"(?P<marker>[$%])(?P=marker)\{")
_SIMPLE_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse_file(source: Source) -> Body:
    """The file's body. Raises BakeError for what is not HCL."""
    reader = _Reader(source, source.text)
    return reader.body(reader.root)


def parse_expression(text: str, place: Place) -> Expression:
    """An expression that stands in a string, such as a type in a JSON file."""
    reader = _Reader(place.source, f"text = {text}\n", at=place)
    arguments = reader.body(reader.root).arguments
    if len(arguments) != 1:
        raise refused(place, f"{text!r} is no expression")
    return arguments[0].expression


def parse_template(text: str, place: Place) -> Expression:
    """A string of a JSON file, in which `${…}` and `%{…}` mean what they mean in HCL."""
    if "${" not in text and "%{" not in text:
        return Constant(text, place)
    # A heredoc's text is a template with no other escapes, which is what such a string is.
    word = "TEXT"
    while word in text:
        word += "X"
    reader = _Reader(place.source, f"text = <<{word}\n{text}\n{word}\n", at=place)
    found = reader.body(reader.root).arguments[0].expression
    return _without_last_newline(found)


def _without_last_newline(found: Expression) -> Expression:
    if isinstance(found, Constant):
        return Constant(str(found.value)[:-1], found.place)
    assert isinstance(found, Template)  # noqa: S101 - a heredoc is one of the two
    last = found.parts[-1]
    if not isinstance(last, Constant):
        return found
    rest = str(last.value)[:-1]
    parts = (*found.parts[:-1], *((Constant(rest, last.place),) if rest else ()))
    return parts[0] if len(parts) == 1 else Template(parts, found.place)


class _Reader:
    """`at`: every place is this one, since the text is not the file's own."""

    def __init__(self, source: Source, text: str, at: Place | None = None) -> None:
        self._source = source
        self._text = text.encode(errors="surrogatepass")
        self._at = at
        language = tree_sitter.Language(tree_sitter_hcl.language())
        self._tree = tree_sitter.Parser(language).parse(self._text)

    @property
    def root(self) -> Node:
        root = self._tree.root_node
        if root.has_error:
            raise self._broken(root)
        body = next((child for child in root.named_children if child.type == "body"), None)
        return body or root

    def place(self, node: Node) -> Place:
        if self._at is not None:
            return self._at
        row, column = node.start_point
        start = node.start_byte - column
        characters = len(self._text[start : node.start_byte].decode(errors="replace"))
        return Place(self._source, row + 1, characters + 1)

    def text(self, node: Node) -> str:
        return self._between(node.start_byte, node.end_byte)

    def _between(self, start: int, end: int) -> str:
        return self._text[start:end].decode(errors="surrogatepass")

    def _broken(self, root: Node) -> BakeError:
        worst = next(_errors(root), root)
        if worst.is_missing:
            return refused(self.place(worst), f"this is not HCL: {worst.type!r} is missing here")
        # The node begins with what could still be read; what could not comes after its parts.
        start = worst.children[-1].end_byte if worst.children else worst.start_byte
        rest = self._text[start:]
        start += len(rest) - len(rest.lstrip())
        text = self._between(start, len(self._text)).partition("\n")[0].strip()
        return refused(self._place_at(start), f"this is not HCL, from {text[:60]!r} on")

    def _place_at(self, byte: int) -> Place:
        if self._at is not None:
            return self._at
        before = self._text[:byte].decode(errors="replace")
        line = before.count("\n") + 1
        return Place(self._source, line, len(before) - before.rfind("\n"))

    # --- bodies ---------------------------------------------------------------------------------

    def body(self, node: Node) -> Body:
        arguments: list[Argument] = []
        blocks: list[Block] = []
        last = None
        for child in node.named_children:
            if child.type == "comment":
                continue
            if last is not None and last.end_point[0] == child.start_point[0]:
                raise refused(self.place(child), "an argument or block begins on a line of its own")
            last = child
            if child.type == "attribute":
                arguments.append(self._argument(child))
            elif child.type == "block":
                blocks.append(self._block(child))
            else:
                raise self._unknown(child)
        seen: dict[str, Argument] = {}
        for argument in arguments:
            if argument.name in seen:
                raise refused(
                    argument.place,
                    f"{argument.name} was already set in line {seen[argument.name].place.line}",
                )
            seen[argument.name] = argument
        return Body(tuple(arguments), tuple(blocks))

    def _argument(self, node: Node) -> Argument:
        name, expression = _named(node)
        if name.end_point[0] != expression.start_point[0]:
            raise refused(self.place(name), "the value begins on the argument's own line")
        return Argument(self.text(name), self.expression(expression), self.place(node))

    def _block(self, node: Node) -> Block:
        words = [c for c in _named(node) if c.type in {"identifier", "string_lit"}]
        inside = [child for child in node.named_children if child.type == "body"]
        labels = tuple(self._label(word) for word in words[1:])
        body = self.body(inside[0]) if inside else Body((), ())
        return Block(self.text(words[0]), labels, body, self.place(node))

    def _label(self, node: Node) -> str:
        return self.text(node) if node.type == "identifier" else self._literal_text(node)

    # --- expressions ----------------------------------------------------------------------------

    def expression(self, node: Node) -> Expression:
        return self._term([child for child in node.children if child.type != "comment"])

    def _term(self, children: Sequence[Node]) -> Expression:
        """A first part, and what follows it: `.name`, `[index]`, `[*]`."""
        if children[0].type == "(":
            made, rest = self.expression(children[1]), children[3:]
        else:
            made, rest = self._first(children[0]), children[1:]
        for part in rest:
            made = self._followed(made, part)
        return made

    def _first(self, node: Node) -> Expression:  # noqa: PLR0911, PLR0912 - one for each kind
        place = self.place(node)
        match node.type:
            case "expression" | "collection_value" | "for_expr" | "operation" | "template_expr":
                return self.expression(node)
            case "literal_value":
                return self._constant(node.children[0])
            case "string_lit" | "quoted_template":
                return self._quoted(node)
            case "heredoc_template":
                return self._heredoc(node)
            case "variable_expr":
                return Variable(self.text(node), place)
            case "tuple":
                items = [c for c in _named(node) if c.type == "expression"]
                return Tuple(tuple(self.expression(item) for item in items), place)
            case "object":
                elements = [c for c in _named(node) if c.type == "object_elem"]
                return Object(tuple(self._element(element) for element in elements), place)
            case "for_tuple_expr" | "for_object_expr":
                return self._for(node)
            case "function_call":
                return self._call(node)
            case "conditional":
                condition, yes, no = (c for c in _named(node) if c.type == "expression")
                return Conditional(
                    self.expression(condition), self.expression(yes), self.expression(no), place
                )
            case "unary_operation":
                operator, *operand = (c for c in node.children if c.type != "comment")
                return Unary(operator.type, self._term(operand), place)
            case "binary_operation":
                return self._binary(node)
            case _:
                raise self._unknown(node)

    def _binary(self, node: Node) -> Binary:
        children = [child for child in node.children if child.type != "comment"]
        at = next(i for i, child in enumerate(children) if child.type in _OPERATORS)
        left, right = self._term(children[:at]), self._term(children[at + 1 :])
        return Binary(children[at].type, left, right, self.place(node))

    def _constant(self, node: Node) -> Expression:
        text = self.text(node)
        if node.type == "string_lit":
            return self._quoted(node)
        if node.type == "numeric_lit":
            try:
                return Constant(parse_number(text), self.place(node))
            except ValueError as error:
                raise refused(self.place(node), f"the number {text} is not known here") from error
        return Constant(_CONSTANTS[text], self.place(node))

    def _element(self, node: Node) -> tuple[Expression, Expression]:
        key, value = (child for child in _named(node) if child.type == "expression")
        made = self.expression(key)
        if key.children[0].type != "(" and isinstance(made, Variable):
            made = Constant(made.name, made.place)
        elif key.children[0].type != "(" and isinstance(made, Constant) and made.value is None:
            made = Constant("null", made.place)
        return made, self.expression(value)

    def _call(self, node: Node) -> Call:
        name, *arguments = _named(node)
        found = [child for holder in arguments for child in _named(holder)]
        expressions = tuple(self.expression(c) for c in found if c.type == "expression")
        expand = any(child.type == "ellipsis" for child in found)
        return Call(self.text(name), expressions, expand, self.place(node))

    def _followed(self, of: Expression, node: Node) -> Expression:
        place = self.place(node)
        if node.type == "get_attr":
            return Attribute(of, self.text(_named(node)[0]), place)
        if node.type == "index":
            inner = node.children[0]
            if inner.type == "new_index":
                return Index(of, self.expression(_named(inner)[0]), place)
            return Index(of, Constant(parse_number(self.text(inner)[1:]), place), place)
        if node.type == "splat":
            inner = node.children[0]
            parts = [c for c in _named(inner) if c.type in {"get_attr", "index", "splat"}]
            # `.*` goes on with names alone, `[*]` with whatever follows (hclsyntax/spec.md).
            end = len(parts)
            if inner.type == "attr_splat":
                end = next((i for i, part in enumerate(parts) if part.type != "get_attr"), end)
            each: Expression = Element(place)
            for part in parts[:end]:
                each = self._followed(each, part)
            made: Expression = Splat(of, each, place)
            for part in parts[end:]:
                made = self._followed(made, part)
            return made
        raise self._unknown(node)

    def _for(self, node: Node) -> For:
        parts = _named(node)
        names, collection = self._intro(next(c for c in parts if c.type == "for_intro"))
        results = [self.expression(c) for c in parts if c.type == "expression"]
        condition = next((_named(c)[0] for c in parts if c.type == "for_cond"), None)
        of_object = node.type == "for_object_expr"
        return For(
            names,
            collection,
            results[0] if of_object else None,
            results[-1],
            self.expression(condition) if condition else None,
            any(child.type == "ellipsis" for child in parts),
            "object" if of_object else "tuple",
            self.place(node),
        )

    def _intro(self, node: Node) -> tuple[tuple[str, ...], Expression]:
        names = tuple(self.text(c) for c in _named(node) if c.type == "identifier")
        collection = next(c for c in _named(node) if c.type == "expression")
        return names, self.expression(collection)

    def _unknown(self, node: Node) -> BakeError:
        return refused(self.place(node), f"the syntax {node.type!r} is not known here")

    # --- templates ------------------------------------------------------------------------------

    def _literal_text(self, node: Node) -> str:
        made = self._quoted(node)
        # In a label `${` means itself.
        return self.text(node)[1:-1] if not isinstance(made, Constant) else str(made.value)

    def _quoted(self, node: Node) -> Expression:
        start, end = node.children[0], node.children[-1]
        if start.end_point[0] != end.start_point[0] and "\n" in self._own_text(node):
            raise refused(self.place(node), "a string in quotes has no line end; use a heredoc")
        return self._template(node, start.end_byte, end.start_byte, heredoc=False, flush=False)

    def _own_text(self, node: Node) -> str:
        pieces = list(
            self._pieces(
                node.children[1:-1], node.children[0].end_byte, node.children[-1].start_byte
            )
        )
        return "".join(piece for piece in pieces if isinstance(piece, str))

    def _heredoc(self, node: Node) -> Expression:
        opening, last = node.children[0], node.children[-1]
        word = node.children[1]
        start = self._text.index(b"\n", word.end_byte) + 1
        end = self._text.rfind(b"\n", 0, last.start_byte) + 1
        flush = self.text(opening) == "<<-"
        return self._template(node, start, max(start, end), heredoc=True, flush=flush)

    def _template(
        self, node: Node, start: int, end: int, *, heredoc: bool, flush: bool
    ) -> Expression:
        pieces = list(self._pieces(node.children, start, end))
        if flush:
            pieces = _flushed(pieces)
        parts = tuple(self._parts(pieces, node, heredoc=heredoc))
        if not parts:
            return Constant("", self.place(node))
        if len(parts) == 1 and isinstance(parts[0], Constant) and isinstance(parts[0].value, str):
            return parts[0]
        if len(parts) == 1 and not isinstance(parts[0], For | Conditional):
            return parts[0]
        return Template(parts, self.place(node))

    def _pieces(self, children: Sequence[Node], start: int, end: int) -> Iterator[str | Node]:
        """Text and nodes in turn. Directives stand for themselves, however deep they nest."""
        at = start
        for child in children:
            if child.type not in {"template_interpolation", "template_directive"}:
                continue
            if child.start_byte > at:
                yield self._between(at, child.start_byte)
            yield child
            at = child.end_byte
        if end > at:
            yield self._between(at, end)

    def _parts(
        self, pieces: Sequence[str | Node], node: Node, *, heredoc: bool
    ) -> Iterator[Expression]:
        trimmed = list(pieces)
        for i, (left, right) in enumerate(pairwise(pieces)):
            if isinstance(left, str) and not isinstance(right, str) and _strips(right, first=True):
                trimmed[i] = left.rstrip()
            elif isinstance(right, str) and _ends_stripped(left):
                trimmed[i + 1] = right.lstrip()
        for piece in trimmed:
            if not isinstance(piece, str):
                yield self._interpolated(piece, heredoc=heredoc)
            elif piece:
                yield Constant(self._unescaped(piece, node, heredoc=heredoc), self.place(node))

    def _interpolated(self, node: Node, *, heredoc: bool) -> Expression:
        if node.type == "template_interpolation":
            inside = [child for child in _named(node) if child.type == "expression"]
            if not inside:
                raise refused(self.place(node), "there is nothing between the braces")
            return self.expression(inside[0])
        directive = node.children[0]
        children = directive.children
        opening, closing = children[0], children[-1]
        if directive.type == "template_for":
            names, collection = self._intro(opening)
            inside_for = self._inside(children[1:-1], opening, closing, heredoc=heredoc)
            place = self.place(node)
            return For(names, collection, None, inside_for, None, False, "joined", place)
        condition = next(c for c in _named(opening) if c.type == "expression")
        other = next((c for c in children if c.type == "template_else_intro"), None)
        at = children.index(other) if other is not None else len(children) - 1
        yes = self._inside(children[1:at], opening, other or closing, heredoc=heredoc)
        no: Expression = Constant("", self.place(node))
        if other is not None:
            no = self._inside(children[at + 1 : -1], other, closing, heredoc=heredoc)
        return Conditional(self.expression(condition), yes, no, self.place(node))

    def _inside(
        self, children: Sequence[Node], opening: Node, closing: Node, *, heredoc: bool
    ) -> Expression:
        pieces = [
            opening,
            *self._pieces(children, opening.end_byte, closing.start_byte),
            closing,
        ]
        trimmed: list[str | Node] = list(pieces)
        if isinstance(trimmed[1], str) and _strips(opening, first=False):
            trimmed[1] = trimmed[1].lstrip()
        if isinstance(trimmed[-2], str) and _strips(closing, first=True):
            trimmed[-2] = trimmed[-2].rstrip()
        parts = tuple(self._parts(trimmed[1:-1], opening, heredoc=heredoc))
        return Template(parts, self.place(opening)) if parts else Constant("", self.place(opening))

    def _unescaped(self, text: str, node: Node, *, heredoc: bool) -> str:
        if heredoc:
            return _HEREDOC_ESCAPE.sub(lambda found: f"{found['marker']}{{", text)

        def replaced(found: re.Match[str]) -> str:
            if found["marker"]:
                return f"{found['marker']}{{"
            if found["odd"]:
                raise refused(self.place(node), f"a string has no escape \\{found['odd']}")
            letter = found[0][1]
            if letter in _SIMPLE_ESCAPES:
                return _SIMPLE_ESCAPES[letter]
            return chr(int(found[0].lstrip("\\uU"), 16))

        return _ESCAPE.sub(replaced, text)


def _named(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type != "comment"]


def _errors(node: Node) -> Iterator[Node]:
    """The nodes that could not be read, in the order of the text."""
    if node.is_missing or node.type == "ERROR":
        yield node
    elif node.has_error:
        for child in node.children:
            yield from _errors(child)


def _ends_stripped(piece: str | Node) -> bool:
    return not isinstance(piece, str) and _strips(piece, first=False)


def _strips(node: Node, *, first: bool) -> bool:
    """Whether `~` stands at the beginning or the end of a part, of a whole directive too."""
    while node.type in {"template_directive", "template_if", "template_for"}:
        node = node.children[0 if first else -1]
    children = node.children
    if len(children) < 3:
        return False
    return children[1 if first else -2].type == "strip_marker"


def _flushed(pieces: Sequence[str | Node]) -> list[str | Node]:
    """The pieces without the indentation that all lines have in common (`<<-`)."""
    indents: list[int] = []
    begins = True
    for piece in pieces:
        lines = piece.split("\n") if isinstance(piece, str) else [""]
        for number, line in enumerate(lines):
            if number or begins:
                blank = _BLANK.match(line)
                width = blank.end() if blank else 0
                last = number == len(lines) - 1
                if width < len(line) or (last and piece is not pieces[-1]):
                    indents.append(width)
        begins = False
    cut = min(indents, default=0)
    made: list[str | Node] = []
    begins = True
    for piece in pieces:
        if isinstance(piece, str):
            head, *rest = piece.split("\n")
            made.append("\n".join([head[cut:] if begins else head, *(r[cut:] for r in rest)]))
        else:
            made.append(piece)
        begins = False
    return made
