"""Expressions and templates of HCL: tokens become syntax (hclsyntax/spec.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.recipes.bake.hcl import numbers
from rootless_build.recipes.bake.hcl.cursor import Cursor
from rootless_build.recipes.bake.hcl.escapes import unescape
from rootless_build.recipes.bake.hcl.numbers import Number, NumberError
from rootless_build.recipes.bake.hcl.syntax import (
    Attribute,
    Binary,
    Call,
    Conditional,
    Constant,
    Element,
    Expression,
    For,
    Index,
    Object,
    Splat,
    Tuple,
    Unary,
    Variable,
)
from rootless_build.recipes.bake.hcl.templates import (
    SPACE,
    Each,
    If,
    Interpolated,
    Mark,
    Part,
    Text,
    template,
)
from rootless_build.recipes.bake.hcl.tokens import (
    CLOSE_HEREDOC,
    CLOSE_QUOTE,
    DEEPEST,
    DIRECTIVE,
    END,
    INTERPOLATION,
    LINE_END,
    NAME,
    NUMBER,
    OPEN_HEREDOC,
    OPEN_QUOTE,
    SEQUENCE_END,
    TEXT,
    Token,
)
from rootless_build.recipes.bake.source import Place, nearest, refused

_LEVELS: Final = (
    ("||",),
    ("&&",),
    ("==", "!="),
    (">", ">=", "<", "<="),
    ("+", "-"),
    ("*", "/", "%"),
)
"""Operators, those that bind least first."""
_BINDING: Final = {operator: level for level, row in enumerate(_LEVELS) for operator in row}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_DIRECTIVES: Final = ("if", "else", "endif", "for", "endfor")


class Expressions(Cursor):
    """One method for each rule of the grammar; each leaves the cursor behind what it read."""

    def __init__(self, tokens: list[Token], place: Callable[[int], Place]) -> None:
        super().__init__(tokens, place)
        self._depth = 0

    def alone(self) -> Expression:
        """An expression that is all there is."""
        with self._lines(count=False):
            made = self._expression()
            if not self._follows(END):
                raise self._unexpected(self._peek(), "the end of the expression")
        return made

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise refused(
                self._place(self._peek()), f"more than {DEEPEST} expressions in one another"
            )
        condition = self._binary(0)
        made = condition
        if self._read_if("?"):
            yes = self._expression()
            self._expect(":", "`:` and another value")
            made = Conditional(condition, yes, self._expression(), condition.place)
        self._depth -= 1
        return made

    def _binary(self, level: int) -> Expression:
        left = self._followed(self._first())
        while (binding := _BINDING.get(self._peek().kind, -1)) >= level:
            operator = self._read().kind
            left = Binary(operator, left, self._binary(binding + 1), left.place)
        return left

    def _first(self) -> Expression:  # noqa: PLR0911 - one for each kind
        token = self._read()
        place = self._place(token)
        match token.kind:
            case "(":
                with self._lines(count=False):
                    made = self._expression()
                    self._expect(")")
                return made
            case "-" | "!":
                self._depth += 1
                operand = self._followed(self._first_below(token))
                self._depth -= 1
                return Unary(token.kind, operand, place)
            case "[":
                return self._tuple(place)
            case "{":
                return self._object(place)
            case _ if token.kind == NUMBER:
                return Constant(self._number(token), place)
            case _ if token.kind == OPEN_QUOTE:
                return self.template(CLOSE_QUOTE)
            case _ if token.kind == OPEN_HEREDOC:
                return self.template(CLOSE_HEREDOC, flush=token.text.startswith("<<-"))
            case _ if token.kind == NAME:
                if self._follows("(", "::"):
                    return self._call(token)
                if token.text in _CONSTANTS:
                    return Constant(_CONSTANTS[token.text], place)
                return Variable(token.text, place)
            case _:
                raise self._unexpected(token, "a value")

    def _first_below(self, operator: Token) -> Expression:
        if self._depth > DEEPEST:
            raise refused(self._place(operator), f"more than {DEEPEST} expressions in one another")
        return self._first()

    def _number(self, token: Token) -> Number:
        try:
            return numbers.parse(token.text)
        except NumberError as error:
            raise refused(self._place(token), str(error)) from error

    def _followed(self, of: Expression) -> Expression:
        """What stands behind a value: `.name`, `.0`, `[key]`, `.*`, `[*]`."""
        while self._follows(".", "["):
            opening = self._read()
            place = self._place(opening)
            if opening.kind == "[":
                if self._read_if("*"):
                    self._expect("]")
                    return Splat(of, self._followed(Element(place)), place)
                with self._lines(count=False):
                    of = Index(of, self._expression(), place)
                    self._expect("]")
            elif self._read_if("*"):
                each: Expression = Element(place)
                # `.*` goes on with names and numbers alone, `[*]` with whatever follows.
                while self._follows("."):
                    each = self._attribute(each, self._read())
                of = Splat(of, each, place)
            else:
                of = self._attribute(of, opening)
        return of

    def _attribute(self, of: Expression, dot: Token) -> Expression:
        place = self._place(dot)
        token = self._read()
        if token.kind == NAME:
            return Attribute(of, token.text, place)
        if token.kind != NUMBER:
            raise self._unexpected(token, "a name after the dot")
        if "." in token.text:
            first, _, second = token.text.partition(".")
            hint = f"write [{first}][{second}]"
            raise refused(self._place(token), "two numbers after dots are one number", hint)
        return Index(of, Constant(self._number(token), place), place)

    def _call(self, name: Token) -> Call:
        full = name.text
        while self._read_if("::"):
            full += "::" + self._expect(NAME).text
        self._expect("(")
        arguments: list[Expression] = []
        expand = False
        with self._lines(count=False):
            while not self._read_if(")"):
                arguments.append(self._expression())
                if self._read_if("..."):
                    expand = True
                    self._expect(")", "`)` after `...`")
                    break
                if not self._read_if(","):
                    self._expect(")", "`)` or a comma")
                    break
        return Call(full, tuple(arguments), expand, self._place(name))

    def _tuple(self, place: Place) -> Expression:
        with self._lines(count=False):
            if self._word("for"):
                return self._for(place, "]")
            items: list[Expression] = []
            while not self._read_if("]"):
                items.append(self._expression())
                if not self._read_if(","):
                    self._expect("]", "`]` or a comma")
                    break
        return Tuple(tuple(items), place)

    def _object(self, place: Place) -> Expression:
        with self._lines(count=False):
            if self._word("for"):
                return self._for(place, "}")
        items: list[tuple[Expression, Expression]] = []
        with self._lines(count=True):
            while not self._read_if("}"):
                if self._read_if(LINE_END):
                    continue
                key = self._key()
                if not self._follows("=", ":"):
                    raise self._unexpected(self._peek(), "`=` after a key")
                self._read()
                items.append((key, self._expression()))
                if not self._read_if(",") and not self._read_if(LINE_END):
                    self._expect("}", "`}`, a comma or the line's end")
                    break
        return Object(tuple(items), place)

    def _key(self) -> Expression:
        """An object's key: a bare word means itself."""
        token = self._peek()
        key = self._expression()
        if token.kind != NAME:
            return key
        if isinstance(key, Attribute | Index):
            hint = "write it in quotes, or in brackets if it is a reference"
            raise refused(self._place(token), "a key is one word", hint)
        word = self._tokens[self._at - 1] is token
        return Constant(token.text, key.place) if word else key

    def _for(self, place: Place, end: str) -> For:
        with self._lines(count=False):
            self._read()
            names, collection = self._introduction()
            self._expect(":")
            key, value = None, self._expression()
            if self._read_if("=>"):
                key, value = value, self._expression()
            grouped = self._read_if("...")
            condition = None
            if self._word("if"):
                self._read()
                condition = self._expression()
            self._expect(end)
        kind: Final = "object" if end == "}" else "tuple"
        if (key is not None) != (kind == "object"):
            what = "an object has a" if kind == "object" else "a list has no"
            raise refused(value.place, f"the `for` of {what} `KEY =>`")
        if grouped and kind == "tuple":
            raise refused(value.place, "`...` groups by keys, and a list has none")
        return For(names, collection, key, value, condition, grouped, kind, place)

    def _introduction(self) -> tuple[tuple[str, ...], Expression]:
        names = [self._expect(NAME, "a name after `for`").text]
        if self._read_if(","):
            names.append(self._expect(NAME, "a name after the comma").text)
        if not self._word("in"):
            raise self._unexpected(self._peek(), "`in`")
        self._read()
        return tuple(names), self._expression()

    # --- templates ------------------------------------------------------------------------------

    def template(self, end: str, *, flush: bool = False) -> Expression:
        """A template up to its end, which is passed; its beginning was read."""
        opening = self._tokens[max(0, self._at - 1)]
        place = self._place(opening)
        parts: list[Part] = []
        strip = False
        while True:
            token = self._tokens[self._at]
            if token.kind == end:
                self._read()
                return template(parts, place, flush=flush)
            if token.kind == END:
                raise refused(place, f"{opening.kind} without its end")
            self._at += 1
            if token.kind == TEXT:
                text = unescape(token, self._place_at, quoted=end == CLOSE_QUOTE)
                parts.append(Text(text.lstrip(SPACE) if strip else text, self._place(token)))
                strip = False
                continue
            last = parts[-1] if parts else None
            if token.text.endswith("~") and isinstance(last, Text):
                parts[-1] = Text(last.text.rstrip(SPACE), last.place)
            with self._lines(count=False):
                parts.append(self._part(token))
                closing = self._read()
            if closing.kind != SEQUENCE_END:
                hint = f"{token.kind[0]}{token.kind} is one that means itself"
                raise self._unexpected(closing, f"the `}}` of this {token.kind}", hint)
            strip = closing.text == "~}"

    def _part(self, token: Token) -> Part:
        place = self._place(token)
        if token.kind == INTERPOLATION:
            return Interpolated(self._expression(), place)
        assert token.kind == DIRECTIVE  # the scanner finds nothing else there
        word = self._expect(NAME, "a word after %{").text
        match word:
            case "if":
                return If(self._expression(), place)
            case "for":
                return Each(*self._introduction(), place)
            case "else" | "endif" | "endfor":
                return Mark(word, place)
            case _:
                hint = nearest(word, _DIRECTIVES)
                raise refused(place, f"a template has no %{{ {word} }}", hint)
