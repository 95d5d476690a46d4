"""A containerfile as data: instructions, with where each part stands in the file."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from msgspec import Struct

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""White space as Go's `unicode.IsSpace` has it; Python's own counts more."""
BLANK: Final = "\t\v\f\r "
"""What separates an instruction's words."""


class Position(Struct, frozen=True, order=True):
    """Line and column in the file, both from 1."""

    line: int
    column: int = 1


class Flag(Struct, frozen=True):
    """`--name=value` between an instruction's name and its arguments; quotes are gone.

    `value` None: the flag has no `=`. `offset` is where it begins in the instruction's text.
    """

    name: str
    value: str | None
    offset: int = 0

    def __str__(self) -> str:
        return f"--{self.name}" if self.value is None else f"--{self.name}={self.value}"


class Heredoc(Struct, frozen=True):
    """`<<NAME`: `content` as in the file, its last newline included.

    `expand` is false where a part of the name is quoted, `strip_tabs` is `<<-`. `line` is that of
    its first line.
    """

    name: str
    content: str = ""
    expand: bool = True
    strip_tabs: bool = False
    descriptor: int = 0
    line: int = 0

    @property
    def text(self) -> str:
        """The content, without leading tabs where `<<-` takes them away."""
        if not self.strip_tabs:
            return self.content
        return "".join(line.lstrip("\t") for line in self.content.splitlines(keepends=True))


class Instruction(Struct, frozen=True):
    """One instruction.

    `keyword` is upper case. `text` is the instruction on one line, without comments and
    continuations; `body` is what follows the flags, and begins at `body_offset` of `text`.
    `json` are the strings of a body that is a JSON array, where the instruction takes one.
    `source` are the lines of the file, heredocs included. `inner` is ONBUILD's instruction.
    `segments` are pairs of an offset in `text` and the position it has in the file.
    """

    keyword: str
    text: str
    flags: tuple[Flag, ...] = ()
    body: str = ""
    body_offset: int = 0
    json: tuple[str, ...] | None = None
    heredocs: tuple[Heredoc, ...] = ()
    inner: Instruction | None = None
    line: int = 0
    end_line: int = 0
    source: str = ""
    segments: tuple[tuple[int, Position], ...] = ()

    def position(self, offset: int = 0) -> Position:
        """Where the character at `offset` of `text` stands in the file."""
        if not self.segments:
            return Position(self.line)
        index = max(0, bisect_right(self.segments, offset, key=lambda s: s[0]) - 1)
        begin, place = self.segments[index]
        return Position(place.line, place.column + offset - begin)

    def flag(self, name: str) -> Flag | None:
        """The flag of that name, or None."""
        return next((flag for flag in self.flags if flag.name == name), None)

    def value(self, name: str) -> str | None:
        """The value of a flag, or None."""
        flag = self.flag(name)
        return flag.value if flag else None


class Containerfile(Struct, frozen=True):
    """`name` is for messages. `escape` is the character that continues and quotes.

    `directives` are those at the head of the file (`syntax`, `escape`, `check`): name, value and
    line.
    """

    name: str
    instructions: tuple[Instruction, ...]
    escape: str = "\\"
    directives: tuple[tuple[str, str, int], ...] = ()

    def directive(self, name: str) -> str | None:
        """The value of a directive, or None."""
        return next((value for known, value, _ in self.directives if known == name), None)
