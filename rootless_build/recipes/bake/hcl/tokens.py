"""The text of an HCL file, or of a template in a JSON file, as tokens.

The rules are those of hclsyntax, which buildx reads with (hclsyntax/spec.md, "Lexical Elements";
what it leaves open was asked of buildx 0.30). A string's text is one token up to a `$` or `%` or
its end, a heredoc's also up to each line's end: `~` takes white space from the next token alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.source import BakeError, Place, refused

NAME: Final = "a name"
NUMBER: Final = "a number"
LINE_END: Final = "the line's end"
OPEN_QUOTE: Final = "a string"
CLOSE_QUOTE: Final = "the string's end"
OPEN_HEREDOC: Final = "a heredoc"
CLOSE_HEREDOC: Final = "the heredoc's end"
TEXT: Final = "text"
INTERPOLATION: Final = "${"
DIRECTIVE: Final = "%{"
SEQUENCE_END: Final = "the `}` of a template"
END: Final = "the end of the file"

DEEPEST: Final = 100
"""What may stand in one another: more than anybody writes, and Python's stack holds it."""
_NAME: Final = r"[^\W\d][\w-]*"
_CODE: Final = re.compile(
    rf"""
      (?P<blank> [ \t]+ | /\*.*?\*/ )
    | (?P<line_end> (?:\#|//)[^\n]*\n | \r?\n )
    | (?P<comment> (?:\#|//)[^\n]* )
    | (?P<unclosed> /\* )
    | (?P<number> [0-9](?:\.*(?:[0-9]|[eE][+-]?[0-9]))* )
    | (?P<name> {_NAME} )
    | (?P<heredoc> <<-?{_NAME}\r?\n )
    | (?P<symbol> \.\.\. | && | \|\| | == | != | <= | >= | => | :: | ~\}}
                | [][().,*/%+=<>!?:{{}}"-] )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTED: Final = re.compile(
    r"""
      (?P<interpolation> \$\{~? )
    | (?P<directive> %\{~? )
    | (?P<close> " )
    | (?P<text> \$\$\{~? | %%\{~? | [$%] | (?:\\[^\r\n]|[^\r\n$%"\\])+ )
    """,
    re.VERBOSE,
)
_PLAIN: Final = re.compile(
    r"""
      (?P<interpolation> \$\{~? )
    | (?P<directive> %\{~? )
    | (?P<text> (?: \$\$\{~? | %%\{~? | [$%] | [^\r\n$%]+ ) (?:\r?\n)? | \r?\n )
    """,
    re.VERBOSE,
)
_ODD: Final = {
    "'": "a string stands in double quotes",
    ";": "arguments and blocks are on lines of their own",
    "`": "a string of several lines is a heredoc, as in <<EOT",
    "&": "did you mean &&?",
    "|": "did you mean ||?",
    "~": "did you mean !?",
    "\r": "a line ends in LF or CR LF",
}


class Token(Struct, frozen=True):
    """A symbol's `kind` is the symbol; `at` is where it begins in the text."""

    kind: str
    text: str
    at: int


def scan_file(text: str, place: Callable[[int], Place]) -> list[Token]:
    """The tokens of a file, comments left out, the last one END. Raises BakeError."""
    scanner = _Scanner(text, place)
    # Editors of Windows write a byte order mark.
    scanner.at = 1 if text.startswith("\ufeff") else 0
    scanner.code(inside=False)
    return scanner.finished()


def scan_template(text: str, place: Callable[[int], Place]) -> list[Token]:
    """The tokens of a string that is all template. Raises BakeError."""
    scanner = _Scanner(text, place)
    scanner.plain()
    return scanner.finished()


class _Scanner:
    def __init__(self, text: str, place: Callable[[int], Place]) -> None:
        self._text = text
        self._place = place
        self._tokens: list[Token] = []
        self._depth = 0
        self.at = 0

    def finished(self) -> list[Token]:
        self._tokens.append(Token(END, "", len(self._text)))
        return self._tokens

    def _add(self, kind: str, found: re.Match[str]) -> None:
        self._tokens.append(Token(kind, found[0], found.start()))
        self.at = found.end()

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        if self.at == len(self._text):
            return None
        found = pattern.match(self._text, self.at)
        if found is None:
            raise self._odd()
        return found

    def _odd(self) -> BakeError:
        place = self._place(self.at)
        character = self._text[self.at]
        if character == "\n":
            return refused(place, "a string in quotes has no line end in it", "use \\n or <<EOT")
        if character == "\\":
            return refused(place, "a string has no \\ before its line's end", "use \\n or <<EOT")
        hint = _ODD.get(character, "")
        return refused(place, f"HCL has no {character!r} outside of strings", hint)

    def code(self, *, inside: bool) -> None:
        """What is no template; `inside` one it ends with the `}` of the sequence."""
        braces = 0
        while (found := self._found(_CODE)) is not None:
            match found.lastgroup:
                case "blank" | "comment":
                    self.at = found.end()
                case "line_end":
                    self._add(LINE_END, found)
                case "unclosed":
                    raise refused(self._place(self.at), "this comment has no */")
                case "number":
                    self._add(NUMBER, found)
                case "name":
                    self._add(NAME, found)
                case "heredoc":
                    self._add(OPEN_HEREDOC, found)
                    self.plain(found[0].lstrip("<-").rstrip("\r\n"))
                case _:
                    symbol = found[0]
                    if symbol in {"}", "~}"} and inside and braces == 0:
                        self._add(SEQUENCE_END, found)
                        return
                    braces += {"{": 1, "}": -1}.get(symbol, 0)
                    self._add(OPEN_QUOTE if symbol == '"' else symbol, found)
                    if symbol == '"':
                        self._quoted()

    def _quoted(self) -> None:
        while (found := self._found(_QUOTED)) is not None:
            match found.lastgroup:
                case "close":
                    self._add(CLOSE_QUOTE, found)
                    return
                case "text":
                    self._add(TEXT, found)
                case _:
                    self._sequence(found)

    def plain(self, word: str | None = None) -> None:
        """A template without escapes by `\\`: a heredoc, which its word ends, or all there is."""
        begins = True
        while (found := self._found(_PLAIN)) is not None:
            if found.lastgroup != "text":
                self._sequence(found)
                begins = False
                continue
            ended = found[0].endswith("\n")
            if word is not None and begins and ended and found[0].strip() == word:
                body = found[0].rstrip("\r\n")
                self._tokens.append(Token(CLOSE_HEREDOC, body, self.at))
                self._tokens.append(Token(LINE_END, "\n", self.at + len(body)))
                self.at = found.end()
                return
            self._add(TEXT, found)
            begins = ended

    def _sequence(self, found: re.Match[str]) -> None:
        kind = INTERPOLATION if found.lastgroup == "interpolation" else DIRECTIVE
        self._add(kind, found)
        self._depth += 1
        if self._depth > DEEPEST:
            place = self._place(found.start())
            raise refused(place, f"more than {DEEPEST} templates in one another")
        self.code(inside=True)
        self._depth -= 1
