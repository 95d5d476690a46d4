"""A template becomes tokens, as Go's text/template/parse/lex.go makes them.

A fault is raised when its token is reached, so that the first one in the text is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct


class TemplateError(Exception):
    """A template that can't be read, or not be filled in: Go's words, without a prefix."""


class Kind(StrEnum):
    """What a token is; the values are in no message."""

    TEXT = "text"
    OPEN = "{{"
    CLOSE = "}}"
    SPACE = "space"
    CHARACTER = "character"
    DECLARE = ":="
    ASSIGN = "="
    PIPE = "|"
    LEFT = "("
    RIGHT = ")"
    DOT = "."
    FIELD = "field"
    VARIABLE = "variable"
    IDENTIFIER = "identifier"
    KEYWORD = "keyword"
    BOOLEAN = "boolean"
    NIL = "nil"
    NUMBER = "number"
    RUNE = "rune"
    STRING = "string"
    RAW = "raw string"
    END = "end of the text"


KEYWORDS: Final = frozenset(
    {"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"}
)


class Token(Struct, frozen=True):
    """A token, and where in the text it begins."""

    kind: Kind
    text: str
    place: int

    def __str__(self) -> str:
        """As messages have it."""
        if self.kind is Kind.END:
            return "EOF"
        if self.kind is Kind.KEYWORD:
            return f"<{self.text}>"
        return f"{quoted(self.text[:10])}..." if len(self.text) > 10 else quoted(self.text)


def quoted(text: str) -> str:
    """strconv.Quote."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _escaped(character: str) -> str:
    known = _ESCAPES.get(character)
    if known is not None or character.isprintable():
        return known or character
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_SPACES: Final = " \t\r\n"
_WORD: Final = re.compile(r"\w+")
_NUMBER: Final = re.compile(
    r"[+-]?(0[xX][0-9a-fA-F_]*(\.[0-9a-fA-F_]*)?([pP][+-]?[0-9_]*)?|0[bB][01_]*|0[oO][0-7_]*"
    r"|[0-9_]*(\.[0-9_]*)?([eE][+-]?[0-9_]*)?)"
)
_STRING: Final = re.compile(r'"(?:\\[^\n]|[^"\\\n])*"')
_RUNE: Final = re.compile(r"'(?:\\[^\n]|[^'\\\n])*'")
_RAW: Final = re.compile(r"`[^`]*`")
_SIMPLE: Final = {"|": Kind.PIPE, "=": Kind.ASSIGN}
_QUOTES: Final = {
    '"': (_STRING, Kind.STRING, "unterminated quoted string"),
    "'": (_RUNE, Kind.RUNE, "unterminated character constant"),
    "`": (_RAW, Kind.RAW, "unterminated raw quoted string"),
}


def tokens(text: str) -> Iterator[Token]:
    """All tokens; the last one is END. Raises TemplateError."""
    place = 0
    while True:
        opened = text.find("{{", place)
        if opened < 0:
            if place < len(text):
                yield Token(Kind.TEXT, text[place:], place)
            yield Token(Kind.END, "", len(text))
            return
        trims = text[opened + 2 : opened + 3] == "-" and text[opened + 3 : opened + 4] in (
            *_SPACES,
        )
        before = text[place:opened]
        kept = before.rstrip(_SPACES) if trims else before
        if kept:
            yield Token(Kind.TEXT, kept, place)
        inside = opened + (4 if trims else 2)
        if text.startswith("/*", inside):
            place = _after_comment(text, inside)
            continue
        yield Token(Kind.OPEN, "{{", opened)
        action = _Action(text, inside)
        yield from action.tokens()
        place = action.place


def _after_close(text: str, place: int) -> int | None:
    """Where the text goes on after `}}` at this place; None where there is none."""
    if text.startswith("}}", place):
        return place + 2
    spaced = text[place : place + 1] in (*_SPACES,) and text.startswith("-}}", place + 1)
    if not spaced:
        return None
    place += 4
    while text[place : place + 1] in (*_SPACES,):
        place += 1
    return place


def _after_comment(text: str, place: int) -> int:
    end = text.find("*/", place)
    if end < 0:
        raise TemplateError("unclosed comment")
    after = _after_close(text, end + 2)
    if after is None:
        raise TemplateError("comment ends before closing delimiter")
    return after


class _Action:
    """What stands between `{{` and `}}`; `place` is behind it at the end."""

    def __init__(self, text: str, place: int) -> None:
        self._text = text
        self.place = place
        self._depth = 0

    def tokens(self) -> Iterator[Token]:
        """The tokens, CLOSE included."""
        while (after := _after_close(self._text, self.place)) is None:
            yield self._next()
        if self._depth:
            raise TemplateError("unclosed left paren")
        yield Token(Kind.CLOSE, "}}", self.place)
        self.place = after

    def _next(self) -> Token:
        character = self._text[self.place : self.place + 1]
        if not character:
            raise TemplateError("unclosed action")
        if character in _QUOTES:
            return self._quoted(*_QUOTES[character])
        for characters, read in (
            (_SPACES, self._spaces),
            ("()", self._parenthesis),
            (".$", self._field_or_variable),
            ("+-0123456789", self._number),
        ):
            if character in characters:
                return read()
        if character == "_" or character.isalpha():
            return self._word()
        return self._sign(character)

    def _take(self, kind: Kind, length: int) -> Token:
        start = self.place
        self.place += length
        return Token(kind, self._text[start : self.place], start)

    def _spaces(self) -> Token:
        length = 1
        while self._text[self.place + length : self.place + length + 1] in (*_SPACES,):
            length += 1
        # The last space belongs to `-}}`.
        if length > 1 and self._text.startswith("-}}", self.place + length):
            length -= 1
        return self._take(Kind.SPACE, length)

    def _quoted(self, pattern: re.Pattern[str], kind: Kind, fault: str) -> Token:
        found = pattern.match(self._text, self.place)
        if found is None:
            raise TemplateError(fault)
        return self._take(kind, len(found[0]))

    def _parenthesis(self) -> Token:
        character = self._text[self.place]
        self._depth += 1 if character == "(" else -1
        if self._depth < 0:
            raise TemplateError("unexpected right paren")
        return self._take(Kind.LEFT if character == "(" else Kind.RIGHT, 1)

    def _field_or_variable(self) -> Token:
        first = self._text[self.place]
        if first == "." and self._text[self.place + 1 : self.place + 2].isdigit():
            return self._number()
        word = _WORD.match(self._text, self.place + 1)
        length = 1 + (len(word[0]) if word else 0)
        self._terminated(length)
        if first == "$":
            return self._take(Kind.VARIABLE, length)
        return self._take(Kind.FIELD if word else Kind.DOT, length)

    def _terminated(self, length: int) -> None:
        following = self._text[self.place + length : self.place + length + 1]
        if following and following not in f"{_SPACES}.,|:)(" and not self._closes(length):
            raise TemplateError(f"bad character U+{ord(following):04X} {following!r}")

    def _closes(self, length: int) -> bool:
        return self._text.startswith("}}", self.place + length)

    def _number(self) -> Token:
        found = _NUMBER.match(self._text, self.place)
        length = len(found[0]) if found else 0
        following = self._text[self.place + length : self.place + length + 1]
        if following == "_" or following.isalnum() or not found or found[0] in {"+", "-"}:
            shown = self._text[self.place : self.place + length + 1]
            raise TemplateError(f"bad number syntax: {quoted(shown)}")
        return self._take(Kind.NUMBER, length)

    def _word(self) -> Token:
        found = _WORD.match(self._text, self.place)
        length = len(found[0]) if found else 1
        self._terminated(length)
        word = self._text[self.place : self.place + length]
        if word in KEYWORDS:
            return self._take(Kind.KEYWORD, length)
        if word in {"true", "false"}:
            return self._take(Kind.BOOLEAN, length)
        return self._take(Kind.NIL if word == "nil" else Kind.IDENTIFIER, length)

    def _sign(self, character: str) -> Token:
        if self._text.startswith(":=", self.place):
            return self._take(Kind.DECLARE, 2)
        if character == ":":
            raise TemplateError("expected :=")
        if not (character.isascii() and character.isprintable()):
            shown = f"U+{ord(character):04X}"
            shown += f" {character!r}" if character.isprintable() else ""
            raise TemplateError(f"unrecognized character in action: {shown}")
        return self._take(_SIMPLE.get(character, Kind.CHARACTER), 1)
