"""Patterns of ignore files, `--exclude` and `--parents`, as BuildKit understands them.

BuildKit (moby/patternmatcher) makes a regular expression of Go's of each pattern. Here it becomes
one of Python's that never tries the same twice, or, where there is none, an automaton: both take a
time that grows with the length of a path, whatever the pattern. What a real BuildKit says is in
`tests/data/ignore`.
"""

from __future__ import annotations

import posixpath
import re
import string
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from msgspec import Struct

BLANK: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
"""White space as Go has it; Python's own is more."""
_BYTE_ORDER_MARK: Final = "\ufeff"
_LONGEST_LINE: Final = 64 * 1024
_OPERATORS: Final = frozenset("^|")
"""What patternmatcher 0.6 hands to Go's expressions as it is, beside brackets and braces."""
_REPEATS: Final = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
"""Braces that are more than themselves to Go's expressions."""
_CONTROLS: Final = dict(zip("afnrtv", "\a\f\n\r\t\v", strict=True))
_ESCAPED: Final = frozenset(("", *string.ascii_letters, *string.digits))
_IN_CLASSES: Final = re.compile(r"\^?(?=.)\]?(?:\\[\0-/:-@\[-`{-\x7f]|[^\\\[\]*?&|~])*", re.DOTALL)
"""What is in brackets that means the same here and there."""
_RANGE: Final = re.compile(r"(\\?.)-(\\?.)", re.DOTALL)


class PatternError(ValueError):
    """BuildKit refuses the pattern, or rbuild does not know what it makes of it."""


class _Wild(Enum):
    ONE = "[^/]"
    """`?`"""
    STAR = "[^/]*"
    """`*`"""
    DIRECTORIES = "(?:.*/)?"
    """`**` with something after it, and the slash that follows it, if there is one."""
    REST = ".*"
    """`**` at the end."""


class _Class(Struct, frozen=True):
    """Characters in brackets; `crosses`: a slash may be among them."""

    expression: re.Pattern[str]
    crosses: bool


_Token = str | _Wild | _Class
"""A string is one character."""


class Pattern(Struct):
    """A pattern of an ignore file, as it is compared: a clean path without `!`.

    `problem` says why it can't be; BuildKit too tells it only when it comes to compare.
    """

    text: str
    exception: bool = False
    problem: str = ""
    expression: str = ""
    """For whole paths; empty where only the automaton can tell."""
    tokens: tuple[_Token, ...] = ()
    _compiled: re.Pattern[str] | None = None
    _automaton: _Automaton | None = None

    @classmethod
    def of(cls, text: str, *, exception: bool = False) -> Pattern:
        """Raises PatternError for what Go's filepath.Match takes for no pattern."""
        _check(text)
        try:
            made = cls(text, exception, "", *_expression(text))
        except PatternError as error:
            return cls(text, exception, str(error))
        made._compiled = re.compile(made.expression) if made.expression else None
        return made

    def match(self, path: str) -> bool:
        """Whether the pattern means the path itself. Raises PatternError."""
        if self.problem:
            raise PatternError(self.problem)
        # Only in names with line ends does what was skipped count.
        if self._compiled is not None and ("\n" not in path or not self.tokens):
            return self._compiled.fullmatch(path) is not None
        if self._automaton is None:
            self._automaton = _Automaton.of(self.tokens)
        return self._automaton.accepts(path)


class Patterns:
    """Patterns in their order; the last that matches a path, or a directory it is in, decides.

    As with BuildKit, one that was not asked about a directory, since what it says was so already,
    has no say through it about what is below.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.patterns = tuple(parse_lines(lines))
        self.exceptions = any(pattern.exception for pattern in self.patterns)
        self._above: dict[str, tuple[bool, ...]] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.patterns)

    def match(self, path: str) -> bool:
        """Whether a path relative to the root, with `/` between its parts, is meant.

        Raises PatternError.
        """
        above: tuple[bool, ...] = ()
        chain: dict[str, tuple[bool, ...]] = {}
        for place in reversed(list(_parents(path))):
            known = self._above.get(place)
            above = self._step(place, above) if known is None else known
            chain[place] = above
        # A tree is walked directory by directory.
        self._above = chain
        matched = False
        for pattern, hit in zip(self.patterns, self._step(path, above), strict=True):
            matched = not pattern.exception if hit else matched
        return matched

    def _step(self, path: str, above: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which of the patterns matched it, or a directory that it is in."""
        matched, found = False, []
        for number, pattern in enumerate(self.patterns):
            hit = bool(above) and above[number]
            if not hit and pattern.exception == matched:
                hit = pattern.match(path)
            found.append(hit)
            matched = not pattern.exception if hit else matched
        return tuple(found)


def parse_ignore_file(text: str) -> Patterns:
    """The patterns of an ignore file. Raises PatternError."""
    return Patterns(ignore_lines(text))


def ignore_lines(text: str) -> Iterator[str]:
    """The patterns that BuildKit reads from an ignore file. Raises PatternError."""
    for line in text.removeprefix(_BYTE_ORDER_MARK).split("\n"):
        if len(line) >= _LONGEST_LINE:
            raise PatternError("a line is longer than 64 KiB")
        # A comment is one in the first column only.
        pattern = "" if line.startswith("#") else line.strip(BLANK)
        if not pattern:
            continue
        sign = "!" if pattern.startswith("!") else ""
        pattern = pattern.removeprefix("!").strip(BLANK) if sign else pattern
        if pattern:
            pattern = clean(pattern)
            pattern = pattern[1:] if pattern.startswith("/") and pattern != "/" else pattern
        yield sign + pattern


def parse_lines(lines: Iterable[str]) -> Iterator[Pattern]:
    """Patterns as patternmatcher takes them. Raises PatternError."""
    for line in lines:
        text = line.strip(BLANK)
        if not text:
            continue
        text = clean(text)
        exception = text.startswith("!")
        if text == "!":
            raise PatternError("a pattern can't be ! alone")
        yield Pattern.of(text[1:] if exception else text, exception=exception)


def clean(path: str) -> str:
    """Go's filepath.Clean."""
    made = posixpath.normpath(path)
    return made[1:] if made.startswith("//") else made


def file_name(pattern: str) -> Pattern:
    """One name of a source with wildcards, which Go's filepath.Match compares.

    Raises PatternError.
    """
    _check_whole(pattern)
    tokens = tuple(_name_tokens(pattern))
    expression = _without_retrying(tokens)
    return Pattern(pattern, False, "", expression, tokens, re.compile(expression, re.DOTALL))


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


# --- what Go takes for a pattern ------------------------------------------------------------------


def _check(pattern: str) -> None:
    """What `filepath.Match(pattern, ".")` complains of, which is how BuildKit looks for mistakes.

    It sees none behind the first part that does not match. Raises PatternError.
    """
    name, rest = ".", pattern
    while rest:
        star, chunk, rest = _chunk(rest)
        _check_whole(chunk)
        tokens = tuple(_name_tokens(chunk))
        starts = range(len(name) + 1 if star else 1)
        ends = [_end(tokens, name[start:]) for start in starts]
        left = next((end for end in ends if end is not None and (rest or not end)), None)
        if left is None:
            return
        name = left


def _chunk(pattern: str) -> tuple[bool, str, str]:
    """Whether a star is first, what is between it and the next one, and the rest."""
    body = pattern.lstrip("*")
    at, inside = 0, False
    while at < len(body) and (inside or body[at] != "*"):
        inside = body[at] == "[" or (inside and body[at] != "]")
        at += 2 if body[at] == "\\" else 1
    return body != pattern, body[:at], body[at:]


def _end(tokens: tuple[_Token, ...], name: str) -> str | None:
    """What is left of a name that begins with these; None for another."""
    fits = len(tokens) <= len(name) and all(map(_is, tokens, name))
    return name[len(tokens) :] if fits else None


def _check_whole(pattern: str) -> None:
    """Raise PatternError for what filepath.Match refuses in a pattern that it compares whole."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            at = _class_end(pattern, at)
            continue
        at += 2 if pattern[at] == "\\" else 1
        if at > len(pattern):
            raise _invalid(pattern)


def _class_end(pattern: str, at: int) -> int:
    at += 2 if pattern[at + 1 : at + 2] == "^" else 1
    first = True
    while first or pattern[at : at + 1] != "]":
        at = _class_character(pattern, at)
        if pattern[at : at + 1] == "-":
            at = _class_character(pattern, at + 1)
        first = False
    return at + 1


def _class_character(pattern: str, at: int) -> int:
    if pattern[at : at + 1] in {"", "-", "]"}:
        raise _invalid(pattern)
    at += 2 if pattern[at] == "\\" else 1
    if at >= len(pattern):
        raise _invalid(pattern)
    return at


def _invalid(pattern: str) -> PatternError:
    return PatternError(f"{pattern} is no valid pattern")


# --- what BuildKit makes of it --------------------------------------------------------------------


def _expression(pattern: str) -> tuple[str, tuple[_Token, ...]]:
    """An expression and tokens; without tokens the expression says all. Raises PatternError."""
    plain = not any(character in pattern for character in "*?[]\\")
    if plain:
        return re.escape(pattern), ()
    inner = pattern.removeprefix("**")
    if pattern.startswith("**") and not any(character in inner for character in "*?[]\\"):
        # BuildKit compares the end of the path, whatever is before it.
        start = f"(?:{re.escape(inner[1:])})|" if inner.startswith("/") else ""
        return f"(?s:{start}.*{re.escape(inner)})", ()
    inner = pattern.removesuffix("**")
    if pattern.endswith("**") and not any(character in inner for character in "*?[]\\"):
        return f"(?s:{re.escape(inner)}.*)", ()
    tokens = _without_repeats(_tokens(pattern))
    return _without_retrying(tokens), tokens


def _without_repeats(tokens: Iterable[_Token]) -> tuple[_Token, ...]:
    """Two `**` at once are one."""
    made: list[_Token] = []
    for token in tokens:
        if not (made and token is made[-1] is _Wild.DIRECTORIES):
            made.append(token)
    return tuple(made)


def _tokens(pattern: str) -> Iterator[_Token]:
    unread = any(character in pattern for character in "\ufeff\0") or _raw_bytes(pattern)
    if unread or _REPEATS.search(pattern):
        raise _unread(pattern)
    at = 0
    while at < len(pattern):
        character, at = pattern[at], at + 1
        if character == "*":
            found, at = _stars(pattern, at)
            yield found
        elif character == "?":
            yield _Wild.ONE
        elif character == "[":
            end = _class_close(pattern, at)
            yield _class(pattern, pattern[at:end])
            at = end + 1
        elif character == "\\":
            following, at = pattern[at : at + 1], at + 1
            if following not in _CONTROLS and (following in _ESCAPED or following > "\x7f"):
                # Go's expressions have meanings for some of them.
                raise _unread(pattern)
            yield _CONTROLS.get(following, following)
        elif character in _OPERATORS:
            raise _unread(pattern)
        else:
            yield character


def _stars(pattern: str, at: int) -> tuple[_Wild, int]:
    if pattern[at : at + 1] != "*":
        return _Wild.STAR, at
    at += 2 if pattern[at + 1 : at + 2] == "/" else 1
    return (_Wild.REST if at >= len(pattern) else _Wild.DIRECTORIES), at


def _class_close(pattern: str, at: int) -> int:
    start = at
    while at < len(pattern) and (pattern[at] != "]" or at == start):
        at += 2 if pattern[at] == "\\" else 1
    if at >= len(pattern):
        raise _unread(pattern)
    return at


def _class(pattern: str, inside: str) -> _Class:
    # Python warns of `--` in a class, which will mean something else there.
    if not _IN_CLASSES.fullmatch(inside) or "--" in inside:
        raise _unread(pattern)
    if any(low[-1] > high[-1] for low, high in _RANGE.findall(inside.removeprefix("^"))):
        raise _invalid(pattern)
    try:
        expression = re.compile(f"[{inside}]", re.DOTALL)
    except re.error as error:
        raise _unread(pattern) from error
    return _Class(expression, expression.fullmatch("/") is not None)


def _raw_bytes(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _unread(pattern: str) -> PatternError:
    message = f"what {pattern} means depends on the engine's regular expressions"
    return PatternError(message)


def _name_tokens(pattern: str) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "[":
            end = _class_end(pattern, at)
            yield _Class(_name_class(pattern[at + 1 : end - 1]), crosses=False)
            at = end
            continue
        at += 2 if character == "\\" else 1
        wild = {"*": _Wild.STAR, "?": _Wild.ONE}
        yield wild.get(character, pattern[at - 1])


def _name_class(inside: str) -> re.Pattern[str]:
    """Of a valid one; a range of nothing is one, and means nothing."""
    negated = inside.startswith("^")
    parts = re.findall(r"\\?(.)(?:-\\?(.))?", inside[negated:], re.DOTALL)
    ranges = [(low, high or low) for low, high in parts]
    made = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    if not made:
        return re.compile("(?s:.)" if negated else "(?!)")
    return re.compile(f"[{'^' if negated else ''}{made}]")


# --- without trying twice -------------------------------------------------------------------------


def _without_retrying(tokens: tuple[_Token, ...]) -> str:
    """An expression in which the first way that fits is kept, empty where that could be wrong.

    Between two `*` of one directory's name, and between two `**` at the borders of names, the first
    place that fits is as good as any later one: what follows may skip as much as it likes.
    """
    if any(isinstance(token, _Class) and token.crosses for token in tokens):
        return ""
    sections = list(_split(tokens, _Wild.DIRECTORIES))
    if any(section and section[-1] != "/" for section in sections[:-1]):
        return ""
    first, *others = (_section(section) for section in sections)
    rest = "".join(f"(?>(?:[^/\\n]*+/)*?{section})" for section in others[:-1])
    last = f"(?:[^/\\n]*+/)*?{others[-1]}" if others else ""
    return f"{first}{rest}{last}"


def _split(tokens: Iterable[_Token], at: _Token) -> Iterator[list[_Token]]:
    part: list[_Token] = []
    for token in tokens:
        if token == at:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _section(tokens: list[_Token]) -> str:
    rest = bool(tokens) and tokens[-1] is _Wild.REST
    names = list(_split(tokens[:-1] if rest else tokens, "/"))
    made = [
        _name(name, ends=not rest or number + 1 < len(names)) for number, name in enumerate(names)
    ]
    return "/".join(made) + (".*" if rest else "")


def _name(tokens: list[_Token], *, ends: bool) -> str:
    """Of one name in a path, or the beginning of one."""
    first, *others = ("".join(map(_written, chunk)) for chunk in _split(tokens, _Wild.STAR))
    made = first
    for number, chunk in enumerate(others):
        last = number + 1 == len(others)
        if last and ends and not chunk:
            made += "[^/]*+"
        elif last and ends:
            made += f"(?>[^/]*?{chunk}(?=/|\\Z))"
        else:
            made += f"(?>[^/]*?{chunk})"
    return made


def _written(token: _Token) -> str:
    if isinstance(token, _Wild):
        return token.value
    return token.expression.pattern if isinstance(token, _Class) else re.escape(token)


class _Automaton(Struct):
    """All states are followed at once, each a bit of a number: one place for each token, and two
    for `**`, before it and within it. A bit moves on to the next place.
    """

    tokens: tuple[_Token | None, ...]
    """By place; None within `**`."""
    skips: int = 0
    """Places that need no character."""
    jumps: int = 0
    """Places from which the next but one needs none."""
    _kept: dict[str, int] = {}
    _passed: dict[str, int] = {}

    @classmethod
    def of(cls, tokens: tuple[_Token, ...]) -> _Automaton:
        places: list[_Token | None] = []
        made = cls(())
        for token in tokens:
            if token in _SKIPPED:
                made.skips |= 1 << len(places)
            if token is _Wild.DIRECTORIES:
                made.jumps |= 1 << len(places)
            places += (token, None) if token is _Wild.DIRECTORIES else (token,)
        made.tokens = tuple(places)
        return made

    def accepts(self, text: str) -> bool:
        states = self._closed(1)
        for character in text:
            if character not in self._kept:
                self._learn(character)
            moved = (states & self._passed[character]) << 1
            states = self._closed(states & self._kept[character] | moved)
            if not states:
                return False
        return bool(states >> len(self.tokens) & 1)

    def _closed(self, states: int) -> int:
        while True:
            more = states | (states & self.skips) << 1 | (states & self.jumps) << 2
            if more == states:
                return states
            states = more

    def _learn(self, character: str) -> None:
        """Which places a character leaves as they are, and from which it leads on."""
        kept = passed = 0
        for place, token in enumerate(self.tokens):
            if token is _Wild.STAR:
                kept |= (character != "/") << place
            elif token is _Wild.REST or token is None:
                kept |= (character != "\n") << place
                passed |= (token is None and character == "/") << place
            elif token is not _Wild.DIRECTORIES:
                passed |= _is(token, character) << place
        self._kept[character], self._passed[character] = kept, passed


_SKIPPED: Final = frozenset({_Wild.STAR, _Wild.REST, _Wild.DIRECTORIES})


def _is(token: _Token, character: str) -> bool:
    if isinstance(token, _Wild):
        return character != "/"
    if isinstance(token, _Class):
        return token.expression.fullmatch(character) is not None
    return token == character
