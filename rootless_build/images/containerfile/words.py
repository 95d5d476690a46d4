"""Words and variables as BuildKit's shell lexer has them (frontend/dockerfile/shell).

`$X`, `${X}`, `${X:-word}`, `${X-word}`, `${X:+word}`, `${X+word}`, `${X:?word}`, `${X?word}`,
`${X#pattern}`, `${X##pattern}`, `${X%pattern}`, `${X%%pattern}`, `${X/pattern/word}`,
`${X//pattern/word}`; quotes and the escape character as in a POSIX shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.syntax import SPACE

_SPECIAL_PARAMETERS: Final = "@*#?-$!0"
_AFTER_HEREDOC: Final = "\t\r "
_DEEPEST: Final = 50


class WordError(ValueError):
    """Quotes or a substitution that never end, an operator that does not exist, `${X:?}` unset."""


class Modes(Struct, frozen=True):
    """How text is read.

    `raw_quotes` leaves quotes where they are, `raw_escapes` the escape characters, `keep_unset`
    the variables without a value; with `plain` quotes are ordinary characters.
    """

    raw_quotes: bool = False
    raw_escapes: bool = False
    keep_unset: bool = False
    plain: bool = False


class Substitution(Struct, frozen=True):
    """A `$…` at `begin` to `end` of the text, and what it stands for.

    `operator` is empty for `$X` and `${X}`, else what follows the name: `:-`, `#`, `/`. `odd`: it,
    or one inside it, has another operator than `:-` and `:+`, which are all that old engines know.
    """

    begin: int
    end: int
    name: str
    operator: str
    value: str
    quoted: bool
    odd: bool = False


class Expanded(Struct, frozen=True):
    """`words` are split at white space that is not quoted. `unset` are names without a value."""

    text: str
    words: tuple[str, ...]
    substitutions: tuple[Substitution, ...]
    unset: tuple[str, ...]


NORMAL: Final = Modes()
LONGEST: Final = 131_071
"""What a program can be given in one argument or variable (execve(2))."""


def expand(
    text: str, variables: Mapping[str, str], escape: str = "\\", modes: Modes = NORMAL
) -> Expanded:
    """The text with quotes taken away and variables replaced. Raises WordError."""
    lexer = _Lexer(text, variables, escape, modes)
    result, words = lexer.until("", raw_escapes=modes.raw_escapes)
    if len(result) > LONGEST:
        raise WordError(f"this has more than {LONGEST:,} characters with its variables replaced")
    return Expanded(result, words, tuple(lexer.substitutions), tuple(dict.fromkeys(lexer.unset)))


def raw_words(text: str, escape: str = "\\") -> tuple[str, ...]:
    """The words of an ARG, ENV or LABEL, with quotes and escapes as they are written."""
    return tuple(text[begin:end] for begin, end in raw_spans(text, escape))


def raw_spans(text: str, escape: str = "\\") -> tuple[tuple[int, int], ...]:
    """Where the words of `raw_words` begin and end."""
    spans: list[tuple[int, int]] = []
    position, length = 0, len(text)
    while position < length:
        if text[position] in SPACE:
            position += 1
            continue
        begin, quote = position, ""
        while position < length and (quote or text[position] not in SPACE):
            character = text[position]
            if character == escape and quote != "'":
                position += 1
            elif quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            position += 1
        spans.append((begin, min(position, length)))
    return tuple(spans)


def quoted(value: str, *, inside: bool = False) -> str:
    """The value so that it is read as it is, with `\\` as escape; `inside` double quotes."""
    special = '\\"$' if inside else "\\\"'$"
    return "".join(
        f"\\{character}"
        if character in special or (not inside and character in SPACE)
        else character
        for character in value
    )


def pattern(text: str, *, greedy: bool = True) -> str:
    """The regular expression of a shell pattern (`*`, `?` and escapes of those; no brackets).

    Raises WordError.
    """
    made, position = "", 0
    while position < len(text):
        character = text[position]
        position += 1
        if character == "*":
            made += ".*" if greedy else ".*?"
        elif character == "?":
            made += "."
        elif character == "\\":
            following = text[position : position + 1]
            if following and following in "}/":
                continue
            if not following or following not in "*?\\":
                raise WordError(f"invalid escape '\\{following}' in the pattern {text}")
            made += "\\" + following
            position += 1
        else:
            made += re.escape(character)
    return made


def _without_prefix(value: str, text: str, *, greedy: bool) -> str:
    # Go's `.` matches no newline either.
    match = re.match(pattern(text, greedy=greedy), value)
    return value[match.end() :] if match else value


def _without_suffix(value: str, text: str, *, greedy: bool) -> str:
    """The shortest suffix can only be found from behind."""
    tokens = re.findall(r"\\.|.", text, re.DOTALL)
    return _without_prefix(value[::-1], "".join(reversed(tokens)), greedy=greedy)[::-1]


def _replace(value: str, text: str, replacement: str, *, everywhere: bool) -> str:
    made, end = "", 0
    for match in re.finditer(pattern(text), value):
        made += value[end : match.start()]
        # Nothing, right after what was replaced, is not replaced again (Go's ReplaceAllString).
        if match.end() > end or match.start() == 0:
            made += replacement
        end = match.end()
        if not everywhere:
            break
    return made + value[end:]


class _Words(Struct):
    found: list[str] = []
    current: str = ""
    inside: bool = False

    def character(self, character: str) -> None:
        if character not in SPACE:
            self.raw(character)
        elif self.inside and self.current:
            self.found.append(self.current)
            self.current, self.inside = "", False

    def raw(self, text: str) -> None:
        self.current += text
        self.inside = True

    def all(self) -> tuple[str, ...]:
        return (*self.found, self.current) if self.current else tuple(self.found)


class _Lexer:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str, modes: Modes) -> None:
        self._text = text
        self._variables = variables
        self._escape = escape
        self._modes = modes
        self._raw_escapes = modes.raw_escapes
        self._at = 0
        self._depth = 0
        self._inside_quotes = False
        self._odd = False
        self._inner = 0
        self.substitutions: list[Substitution] = []
        self.unset: list[str] = []

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def until(self, stop: str, *, raw_escapes: bool) -> tuple[str, tuple[str, ...]]:
        """Everything up to `stop` (empty: the end)."""
        before, self._raw_escapes = self._raw_escapes, raw_escapes
        self._inner += 1
        try:
            return self._until(stop)
        finally:
            self._raw_escapes = before

    def _until(self, stop: str) -> tuple[str, tuple[str, ...]]:
        result: list[str] = []
        words = _Words()
        special: dict[str, Callable[[], str]] = {"$": self._dollar, "<": self._less}
        if not self._modes.plain:
            special |= {"'": self._single, '"': self._double}
        while character := self._peek():
            if stop and character == stop:
                self._at += 1
                return "".join(result), words.all()
            if character in special:
                inner = self._inner
                piece = special[character]()
                result.append(piece)
                if self._inner != inner:
                    # What a substitution has inside is read into the same buffer (BuildKit 0.26).
                    words.current = ""
                if character == "$":
                    for each in piece:
                        words.character(each)
                else:
                    words.raw(piece)
                continue
            self._at += 1
            if character != self._escape:
                words.character(character)
                result.append(character)
                continue
            if self._raw_escapes:
                words.raw(character)
                result.append(character)
            character = self._next()
            if not character:
                break
            words.raw(character)
            result.append(character)
        if stop:
            raise WordError(f"{self._text}: {stop} is missing")
        return "".join(result), words.all()

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise WordError(f"{self._text}: a single quote is never closed")
        begin, self._at = self._at, end + 1
        return (
            self._text[begin : end + 1] if self._modes.raw_quotes else self._text[begin + 1 : end]
        )

    def _double(self) -> str:
        result = [self._next() if self._modes.raw_quotes else ""]
        if not self._modes.raw_quotes:
            self._at += 1
        while character := self._peek():
            if character == '"':
                self._at += 1
                return "".join([*result, '"' if self._modes.raw_quotes else ""])
            if character == "$":
                before, self._inside_quotes = self._inside_quotes, True
                result.append(self._dollar())
                self._inside_quotes = before
                continue
            self._at += 1
            if character == self._escape:
                if self._raw_escapes:
                    result.append(character)
                following = self._peek()
                if not following:
                    continue
                if following in ('"', "$", self._escape):
                    character = self._next()
            result.append(character)
        raise WordError(f"{self._text}: a double quote is never closed")

    def _less(self) -> str:
        self._at += 1
        if self._peek() != "<":
            return "<"
        begin = self._at - 1
        self._at += 1
        while self._peek() and self._peek() in _AFTER_HEREDOC:
            self._at += 1
        return self._text[begin : self._at]

    def _dollar(self) -> str:
        begin, quoted_here = self._at, self._inside_quotes
        if not self._depth:
            self._odd = False
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WordError("substitutions are nested too deep")
        try:
            name, operator, value = self._substitution()
        finally:
            self._depth -= 1
        if not self._depth and name:
            self.substitutions.append(
                Substitution(begin, self._at, name, operator, value, quoted_here, self._odd)
            )
        return value

    def _substitution(self) -> tuple[str, str, str]:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "", "", "$"
            return name, "", self._value(name, f"${name}")
        self._at += 1
        if self._peek() in {"", "{", "}", ":"}:
            raise WordError(f"{self._text}: bad substitution")
        name = self._name()
        operator = self._next()
        if operator == "}":
            return name, "", self._value(name, f"${{{name}}}")
        self._odd = self._odd or self._text[self._at - 1 : self._at + 1] not in {":-", ":+"}
        if operator == "/":
            return name, operator, self._replacement(name)
        if not operator:
            raise WordError(f"{self._text}: }} is missing")
        if operator == ":":
            operator += self._next()
        if operator not in {":+", ":-", ":?", "+", "-", "?", "#", "%"}:
            raise WordError(f"{self._text}: there is no substitution ${{{name}{operator}…}}")
        word, _ = self.until("}", raw_escapes=operator in {"#", "%"})
        given = self._variables.get(name)
        if given is None:
            self.unset.append(name)
            if self._modes.keep_unset:
                return name, operator, f"${{{name}{operator}{word}}}"
        return name, operator, self._chosen(name, operator, word, given)

    def _chosen(self, name: str, operator: str, word: str, given: str | None) -> str:
        present = bool(given) if operator.startswith(":") else given is not None
        value = given or ""
        match operator[-1]:
            case "-":
                return value if present else word
            case "+":
                return word if present else ""
            case "?":
                if not present:
                    state = "unset" if given is None else "empty"
                    raise WordError(f"{name}: {word or f'is not allowed to be {state}'}")
                return value
            case "#":
                greedy = word.startswith("#")
                return _without_prefix(value, word.removeprefix("#"), greedy=greedy)
            case _:
                greedy = word.startswith("%")
                return _without_suffix(value, word.removeprefix("%"), greedy=greedy)

    def _replacement(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._at += 1
        wanted, _ = self.until("/", raw_escapes=True)
        replacement, _ = self.until("}", raw_escapes=True)
        given = self._variables.get(name)
        if given is None:
            self.unset.append(name)
            if self._modes.keep_unset:
                return f"${{{name}/{wanted}/{replacement}}}"
        return _replace(given or "", wanted, replacement, everywhere=everywhere)

    def _value(self, name: str, written: str) -> str:
        value = self._variables.get(name)
        if value is None:
            self.unset.append(name)
            return written if self._modes.keep_unset else ""
        return value

    def _name(self) -> str:
        begin = self._at
        if self._peek() and self._peek() in _SPECIAL_PARAMETERS and not self._peek().isdigit():
            return self._next()
        if self._peek().isdigit():
            while self._peek().isdigit():
                self._at += 1
        else:
            while self._peek() == "_" or self._peek().isalnum():
                self._at += 1
        return self._text[begin : self._at]
