"""Reads a containerfile as BuildKit's parser does (frontend/dockerfile/parser)."""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.syntax import (
    BLANK,
    SPACE,
    Containerfile,
    Flag,
    Heredoc,
    Instruction,
    Position,
)
from rootless_build.images.containerfile.words import Modes, WordError, expand
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.structs import replace

_DIRECTIVE: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES: Final = ("syntax", "escape", "check")
_HEREDOC: Final = re.compile(r"(\d*)<<(-?)\s*([^<]*)", re.ASCII | re.DOTALL)
_WITH_HEREDOCS: Final = ("RUN", "COPY", "ADD")
_WITH_JSON: Final = ("RUN", "COPY", "ADD", "CMD", "ENTRYPOINT", "SHELL", "VOLUME")
_TRIGGER: Final = "ONBUILD"
_BLANKS: Final = re.compile(f"[{re.escape(BLANK)}]+")
_BYTE_ORDER_MARK: Final = "\ufeff"
_RAW: Final = Modes(raw_quotes=True, raw_escapes=True, keep_unset=True)
_QUOTES: Final = Modes(raw_quotes=True, keep_unset=True)
_UNQUOTED: Final = Modes(keep_unset=True)


def parse(text: str, name: str = "Dockerfile") -> Containerfile:
    """The containerfile as data. It is not said here whether its instructions exist.

    Raises ContainerfileError for what is no containerfile at all: none or an unfinished heredoc,
    no instruction, a bad directive.
    """
    return _Parser(text, name).file()


def logical_words(body: str) -> tuple[str, ...]:
    """The words of COPY, ADD, FROM, EXPOSE and VOLUME: split at blanks, whatever the quotes."""
    return tuple(word for word in _BLANKS.split(body) if word)


class _Line(Struct):
    """A logical line while it is put together."""

    number: int
    text: str = ""
    segments: list[tuple[int, Position]] = []
    ended: bool = False

    def add(self, piece: str, position: Position) -> None:
        if piece:
            self.segments.append((len(self.text), position))
            self.text += piece


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._lines = re.findall(r"[^\n]*\n|[^\n]+", text.removeprefix(_BYTE_ORDER_MARK))
        self._at = 0
        self._escape = "\\"
        self._directives: list[tuple[str, str, int]] = []
        self._head = True

    def file(self) -> Containerfile:
        instructions = []
        while self._at < len(self._lines):
            line = self._logical_line()
            if line.text.strip(SPACE):
                instructions.append(self._instruction(line))
        if not instructions:
            raise self._error("there is no instruction in it", Position(max(1, self._at)))
        return Containerfile(self._name, tuple(instructions), self._escape, tuple(self._directives))

    def _error(self, message: str, position: Position) -> ContainerfileError:
        return ContainerfileError(message, self._name, position.line, position.column)

    # --- lines ----------------------------------------------------------------------------------

    def _logical_line(self) -> _Line:
        line = _Line(self._at + 1)
        self._take(line, first=True)
        while not line.ended and self._at < len(self._lines):
            self._take(line, first=False)
        return line

    def _take(self, line: _Line, *, first: bool) -> None:
        raw = self._lines[self._at].rstrip("\r\n")
        self._at += 1
        stripped = raw.lstrip(SPACE)
        if self._head:
            self._head = self._directive(stripped if first else raw)
        if stripped.startswith("#"):
            line.ended = first
            return
        if not first and not stripped:
            return
        piece = stripped if first else raw
        column = len(raw) - len(piece) + 1
        ends = self._find_continuation(piece)
        line.ended = ends is None
        line.add(piece if ends is None else piece[:ends], Position(self._at, column))

    def _find_continuation(self, piece: str) -> int | None:
        """Where the escape character stands that continues the line, if one does.

        One that is escaped itself does not; of three in a row the last is not seen to.
        """
        bare = piece.rstrip(" \t")
        if not bare.endswith(self._escape):
            return None
        before = bare[:-1]
        return None if before.endswith(self._escape) else len(before)

    def _directive(self, line: str) -> bool:
        """Whether the next line can be a directive too."""
        if not line.startswith("#"):
            return False
        match = _DIRECTIVE.match(line[1:].lstrip(SPACE))
        key = match[1].lower() if match else ""
        if match is None or key not in _DIRECTIVES:
            return False
        place = Position(self._at)
        if any(known == key for known, _, _ in self._directives):
            raise self._error(f"only one {key} directive can be used", place)
        if key == "escape":
            if match[2] not in {"\\", "`"}:
                message = f"the escape character can be \\ or `, not {match[2]}"
                raise self._error(message, place)
            self._escape = match[2]
        self._directives.append((key, match[2], place.line))
        return True

    # --- instructions ---------------------------------------------------------------------------

    def _instruction(self, line: _Line) -> Instruction:
        cut = len(line.text) - len(line.text.lstrip(SPACE))
        text = line.text.lstrip(SPACE)
        if text[: len(_TRIGGER)].upper() != _TRIGGER:
            # A trigger is kept in the image as it is written.
            text = text.rstrip(SPACE)
        segments = tuple((max(0, offset - cut), place) for offset, place in line.segments)
        made = self._parse_instruction(text, segments, line.number)
        heredocs = self._heredocs(made)
        source = "".join(self._lines[line.number - 1 : self._at])
        return replace(made, heredocs=heredocs, end_line=self._at, source=source)

    def _parse_instruction(
        self,
        text: str,
        segments: tuple[tuple[int, Position], ...],
        number: int,
        *,
        nested: bool = False,
    ) -> Instruction:
        match = _BLANKS.search(text)
        keyword = (text[: match.start()] if match else text).upper()
        begin = match.end() if match else len(text)
        flags, offset = self._flags(text, begin)
        body = text[offset:].lstrip(SPACE)
        offset += len(text[offset:]) - len(text[offset:].lstrip(SPACE))
        place = Instruction(keyword, text, line=number, segments=segments)
        inner = None
        if keyword == _TRIGGER and body and not nested:
            inner = self._parse_instruction(
                body.rstrip(SPACE),
                tuple((o - offset, p) for o, p in segments),
                number,
                nested=True,
            )
        return Instruction(
            keyword,
            text,
            flags,
            body,
            offset,
            self._json(keyword, body, place, offset),
            (),
            inner,
            number,
            self._at,
            "",
            segments,
        )

    def _flags(self, text: str, begin: int) -> tuple[tuple[Flag, ...], int]:
        flags: list[Flag] = []
        at = begin
        while True:
            while at < len(text) and text[at] in SPACE:
                at += 1
            if not text.startswith("--", at):
                return tuple(flags), at
            start = at
            word, at = self._flag_word(text, at)
            if word == "--":
                return tuple(flags), at
            name, equals, value = word[2:].partition("=")
            flags.append(Flag(name, value if equals else None, start))

    def _flag_word(self, text: str, at: int) -> tuple[str, int]:
        word, quote = "", ""
        while at < len(text):
            character = text[at]
            if quote and character == quote:
                quote = ""
            elif character == self._escape:
                at += 1
                word += text[at : at + 1]
            elif not quote and character in SPACE:
                break
            elif not quote and character in "'\"":
                quote = character
            else:
                word += character
            at += 1
        return word, min(at, len(text))

    def _json(
        self, keyword: str, body: str, place: Instruction, offset: int
    ) -> tuple[str, ...] | None:
        if keyword == "HEALTHCHECK":
            kind = next(iter(logical_words(body)), "")
            body = body[len(kind) :]
            offset += len(kind)
        elif keyword not in _WITH_JSON:
            return None
        body = body.lstrip(SPACE)
        if not body.startswith("["):
            return None
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return None  # a shell's own `[`
        if not all(isinstance(word, str) for word in found):
            message = "a JSON array here can hold strings only"
            raise self._error(message, place.position(offset))
        return tuple(found)

    # --- heredocs -------------------------------------------------------------------------------

    def _heredocs(self, instruction: Instruction) -> tuple[Heredoc, ...]:
        holder = instruction.inner or instruction
        if holder.keyword not in _WITH_HEREDOCS or holder.json is not None:
            return ()
        if "<<" not in instruction.text:
            return ()
        try:
            words = expand(instruction.text, {}, "\\", _RAW).words
        except WordError:
            return ()  # quotes that the shell will complain about
        found = []
        for word in words:
            try:
                heredoc = heredoc_of(word)
            except WordError as error:
                raise self._error(str(error), instruction.position()) from error
            if heredoc is not None:
                found.append(self._fill_heredocs(heredoc, instruction))
        return tuple(found)

    def _fill_heredocs(self, heredoc: Heredoc, instruction: Instruction) -> Heredoc:
        first = self._at
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r\n")
            self._at += 1
            if (line.lstrip("\t") if heredoc.strip_tabs else line) == heredoc.name:
                content = "".join(self._lines[first : self._at - 1])
                return Heredoc(
                    heredoc.name,
                    content,
                    heredoc.expand,
                    heredoc.strip_tabs,
                    heredoc.descriptor,
                    first + 1,
                )
        offset = max(0, instruction.text.find("<<"))
        message = f"the heredoc {heredoc.name} never ends"
        raise self._error(message, instruction.position(offset))


def heredoc_of(word: str) -> Heredoc | None:
    """The heredoc that a word such as `3<<-'EOT'` begins, or None. Raises WordError."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    names = expand(match[3], {}, "\\", _UNQUOTED).words
    if len(names) != 1:
        return None
    raw = expand(match[3], {}, "\\", _QUOTES).words
    expands = _quotes(names[0]) == _quotes(raw[0] if raw else "")
    return Heredoc(names[0], "", expands, match[2] == "-", int(match[1] or 0))


def _quotes(word: str) -> int:
    return word.count("'") + word.count('"')
