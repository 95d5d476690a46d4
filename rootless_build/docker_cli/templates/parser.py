"""Tokens become a template, by the rules of Go's text/template/parse/parse.go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, NoReturn

from rootless_build.docker_cli.templates import nodes
from rootless_build.docker_cli.templates.tokens import Kind, TemplateError, Token, tokens

_CONSTANTS: Final = frozenset({Kind.BOOLEAN, Kind.NUMBER, Kind.RUNE, Kind.STRING, Kind.RAW})
_NAMES: Final = frozenset({Kind.IDENTIFIER, Kind.VARIABLE, Kind.FIELD, Kind.DOT, Kind.NIL})
_OPERANDS: Final = _CONSTANTS | _NAMES | {Kind.LEFT}
_ESCAPED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_DIGITS: Final = {"x": 2, "u": 4, "U": 8}


def parse(text: str, functions: Collection[str], name: str = "") -> nodes.Template:
    """Read a template that may call these functions. Raises TemplateError in Go's words."""
    parser = _Parser(text, functions)
    try:
        return parser.template()
    except TemplateError as error:
        raise TemplateError(f"template: {name}:{parser.line}: {error}") from error


def unquoted(written: str) -> str:
    """strconv.Unquote of a string or a rune. Raises TemplateError."""
    body = written[1:-1]
    if written[0] == "`":
        return body.replace("\r", "")
    found: list[str] = []
    place = 0
    while place < len(body):
        if body[place] != "\\":
            found.append(body[place])
            place += 1
            continue
        character, place = _escape(body, place + 1)
        found.append(character)
    return "".join(found)


def _escape(body: str, place: int) -> tuple[str, int]:
    letter = body[place]
    if letter in _ESCAPED:
        return _ESCAPED[letter], place + 1
    if letter in "\\'\"":
        return letter, place + 1
    length, base = (_DIGITS[letter], 16) if letter in _DIGITS else (3, 8)
    start = place + 1 if letter in _DIGITS else place
    try:
        return chr(int(body[start : start + length], base)), start + length
    except (ValueError, OverflowError) as error:
        raise TemplateError("invalid syntax") from error


class _Parser:
    """One pass over the tokens of a text."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._text = text
        self._functions = functions
        self._tokens: Iterator[Token] = tokens(text)
        self._held: list[Token] = []
        self._place = 0
        self._variables = ["$"]
        self._loops = 0
        self._defined: dict[str, tuple[nodes.Statement, ...]] = {}

    @property
    def line(self) -> int:
        """That of the last token."""
        return self._text.count("\n", 0, self._place) + 1

    # --- tokens ---------------------------------------------------------------------------------

    def _next(self) -> Token:
        token = self._held.pop() if self._held else next(self._tokens)
        self._place = token.place
        return token

    def _peek(self) -> Token:
        token = self._next()
        self._held.append(token)
        return token

    def _next_word(self) -> Token:
        token = self._next()
        while token.kind is Kind.SPACE:
            token = self._next()
        return token

    def _peek_word(self) -> Token:
        token = self._next_word()
        self._held.append(token)
        return token

    def _back(self, *taken: Token) -> None:
        self._held.extend(reversed(taken))

    @staticmethod
    def _unexpected(token: Token, context: str) -> NoReturn:
        raise TemplateError(f"unexpected {token} in {context}")

    # --- statements -----------------------------------------------------------------------------

    def template(self) -> nodes.Template:
        """The whole text."""
        body: list[nodes.Statement] = []
        while self._peek().kind is not Kind.END:
            found = self._statement()
            if isinstance(found, str):
                raise TemplateError(f"unexpected {{{{{found}}}}}")
            body += found
        return nodes.Template(self._text, tuple(body), self._defined)

    def _statements(self) -> tuple[tuple[nodes.Statement, ...], str]:
        """Statements to `end` or `else`, and which of the two it was."""
        body: list[nodes.Statement] = []
        while self._peek_word().kind is not Kind.END:
            found = self._statement()
            if isinstance(found, str):
                return tuple(body), found
            body += found
        raise TemplateError("unexpected EOF")

    def _statement(self) -> list[nodes.Statement] | str:
        """One statement, none for a definition; the word of one that closes others."""
        token = self._next_word()
        if token.kind is Kind.TEXT:
            return [nodes.Text(token.place, token.text)]
        if token.kind is not Kind.OPEN:
            self._unexpected(token, "input")
        word = self._next_word()
        if word.kind is not Kind.KEYWORD:
            self._back(word)
            place = word.place
            return [nodes.Action(place, self._pipeline("command", Kind.CLOSE))]
        known: dict[str, Callable[[Token], list[nodes.Statement] | str]] = {
            "break": self._jump,
            "continue": self._jump,
            "block": self._block,
            "define": self._define,
            "template": self._call,
            "end": self._end,
            "else": self._else,
        }
        return known.get(word.text, self._branch)(word)

    def _end(self, word: Token) -> str:
        self._closed("end")
        return word.text

    def _else(self, word: Token) -> str:
        following = self._peek_word()
        # `else if` is an `if` in the other branch, with the same end.
        if following.kind is Kind.KEYWORD and following.text in {"if", "with"}:
            return word.text
        self._closed("else")
        return word.text

    def _closed(self, context: str) -> None:
        token = self._next_word()
        if token.kind is not Kind.CLOSE:
            self._unexpected(token, context)

    def _jump(self, word: Token) -> list[nodes.Statement]:
        token = self._next_word()
        if token.kind is not Kind.CLOSE:
            self._unexpected(token, f"{{{{{word.text}}}}}")
        if not self._loops:
            raise TemplateError(f"{{{{{word.text}}}}} outside {{{{range}}}}")
        return [nodes.Jump(word.place, word.text)]

    def _branch(self, word: Token) -> list[nodes.Statement]:
        keyword = word.text
        kept = len(self._variables)
        pipeline = self._pipeline(keyword, Kind.CLOSE)
        self._loops += keyword == "range"
        body, closing = self._statements()
        self._loops -= keyword == "range"
        otherwise: tuple[nodes.Statement, ...] = ()
        if closing == "else":
            otherwise = self._otherwise(keyword)
        del self._variables[kept:]
        return [nodes.Branch(pipeline.place, keyword, pipeline, body, otherwise)]

    def _otherwise(self, keyword: str) -> tuple[nodes.Statement, ...]:
        word = self._peek()
        if word.kind is Kind.KEYWORD and word.text == keyword != "range":
            return tuple(self._branch(self._next()))
        if word.kind is Kind.KEYWORD:
            self._unexpected(word, "else")
        body, closing = self._statements()
        if closing == "else":
            raise TemplateError("expected end; found {{else}}")
        return body

    def _define(self, _: Token) -> list[nodes.Statement]:
        name = self._name("define clause")
        self._closed("define clause")
        self._defined[name] = self._definition()
        return []

    def _definition(self) -> tuple[nodes.Statement, ...]:
        outer, self._variables = self._variables, ["$"]
        body, closing = self._statements()
        self._variables = outer
        if closing != "end":
            raise TemplateError(f"unexpected {{{{{closing}}}}} in define clause")
        return body

    def _block(self, word: Token) -> list[nodes.Statement]:
        name = self._name("block clause")
        pipeline = self._pipeline("block clause", Kind.CLOSE)
        self._defined.setdefault(name, self._definition())
        return [nodes.Call(word.place, name, pipeline)]

    def _call(self, _: Token) -> list[nodes.Statement]:
        token = self._peek_word()
        name = self._name("template clause")
        after = self._next_word()
        pipeline = None
        if after.kind is not Kind.CLOSE:
            self._back(after)
            pipeline = self._pipeline("template clause", Kind.CLOSE)
        return [nodes.Call(token.place, name, pipeline)]

    def _name(self, context: str) -> str:
        token = self._next_word()
        if token.kind not in {Kind.STRING, Kind.RAW}:
            self._unexpected(token, context)
        return unquoted(token.text)

    # --- pipelines ------------------------------------------------------------------------------

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipeline:
        place = self._peek_word().place
        declared, assigns = self._declarations(context)
        commands: list[nodes.Command] = []
        while True:
            token = self._next_word()
            if token.kind is end:
                break
            if token.kind not in _OPERANDS:
                self._unexpected(token, context)
            self._back(token)
            commands.append(self._command())
        self._check(commands, context)
        return nodes.Pipeline(place, tuple(commands), declared, assigns)

    @staticmethod
    def _check(commands: list[nodes.Command], context: str) -> None:
        if not commands:
            raise TemplateError(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], nodes.Constant | nodes.Dot | nodes.Nil):
                raise TemplateError(f"non executable command in pipeline stage {stage}")

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        declared: list[str] = []
        while self._peek_word().kind is Kind.VARIABLE:
            variable = self._next_word()
            after = self._next()
            sign = after if after.kind is not Kind.SPACE else self._peek_word()
            if sign.kind in {Kind.ASSIGN, Kind.DECLARE}:
                if sign is not after:
                    self._next_word()
                self._variables.append(variable.text)
                return (*declared, variable.text), sign.kind is Kind.ASSIGN
            if sign.text != ",":
                self._back(variable, after)
                break
            if sign is not after:
                self._next_word()
            declared.append(variable.text)
            self._variables.append(variable.text)
            self._one_more(context, declared)
        return tuple(declared), False

    def _one_more(self, context: str, declared: list[str]) -> None:
        if context != "range" or len(declared) >= 2:
            raise TemplateError(f"too many declarations in {context}")
        if self._peek_word().kind not in {Kind.VARIABLE, Kind.CLOSE, Kind.RIGHT}:
            raise TemplateError("range can only initialize variables")

    def _command(self) -> nodes.Command:
        place = self._peek_word().place
        operands: list[nodes.Operand] = []
        while True:
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in {Kind.CLOSE, Kind.RIGHT}:
                self._back(token)
            elif token.kind is not Kind.PIPE:
                self._unexpected(token, "operand")
            break
        if not operands:
            raise TemplateError("empty command")
        return nodes.Command(place, tuple(operands))

    def _operand(self) -> nodes.Operand | None:
        term = self._term()
        if term is None or self._peek().kind is not Kind.FIELD:
            return term
        # Go gives a chain the place of its second part.
        place = self._peek().place
        names: list[str] = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        match term:
            case nodes.Field():
                return nodes.Field(place, (*term.names, *names))
            case nodes.Variable():
                return nodes.Variable(place, term.name, tuple(names))
            case nodes.Constant() | nodes.Dot() | nodes.Nil():
                raise TemplateError(f'unexpected . after term "{term}"')
            case _:
                return nodes.Chain(place, term, tuple(names))

    def _term(self) -> nodes.Operand | None:
        token = self._next_word()
        if token.kind is Kind.LEFT:
            return self._pipeline("parenthesized pipeline", Kind.RIGHT)
        if token.kind in _CONSTANTS:
            return nodes.Constant(token.place, _constant(token), token.text)
        if token.kind in _NAMES:
            return self._named(token)
        self._back(token)
        return None

    def _named(self, token: Token) -> nodes.Operand:
        text, place = token.text, token.place
        match token.kind:
            case Kind.IDENTIFIER:
                if text not in self._functions:
                    raise TemplateError(f'function "{text}" not defined')
                return nodes.Identifier(place, text)
            case Kind.VARIABLE:
                if text not in self._variables:
                    raise TemplateError(f'undefined variable "{text}"')
                return nodes.Variable(place, text)
            case Kind.FIELD:
                return nodes.Field(place, (text[1:],))
            case _:
                return nodes.Nil(place) if token.kind is Kind.NIL else nodes.Dot(place)


def _constant(token: Token) -> bool | int | float | str:
    match token.kind:
        case Kind.BOOLEAN:
            return token.text == "true"
        case Kind.NUMBER:
            return number(token.text)
        case Kind.RUNE:
            character = unquoted(token.text)
            if len(character) != 1:
                raise TemplateError(f"malformed character constant: {token.text}")
            return ord(character)
        case _:
            return unquoted(token.text)


def number(written: str) -> int | float:
    """A number of a template: whole where it is so in Go. Raises TemplateError."""
    digits = written.lower()
    plain = digits.lstrip("+-")
    octal = len(plain) > 1 and plain[0] == "0" and plain[1].isdigit()
    for read in (
        lambda: int(digits.replace(plain, f"0o{plain[1:]}"), 0) if octal else int(digits, 0),
        lambda: float.fromhex(digits) if "x" in digits else float(digits),
    ):
        try:
            return read()
        except ValueError:
            continue
    raise TemplateError(f'illegal number syntax: "{written}"')
