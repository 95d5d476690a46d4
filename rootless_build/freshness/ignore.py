"""`.dockerignore`: which files of a build context no engine copies.

BuildKit's understanding of the patterns is that of `containerfile.patterns`. Other
engines have their own reading of the file and of its patterns, and as long as they do the copying a
file that one of them may copy counts as read: it is left out when all of them leave it out. One too
many costs a look at the engine's own cache, one too few would be a wrong "unchanged".

podman and buildah (imagebuilder's ParseIgnore, containers/storage's fileutils; 4.3 and 1.28 were
tried) keep blanks before a pattern and what follows `!`, compare a pattern with one parent only, of
as many parts as the pattern has, and look below a directory that is left out where the text of an
exception begins with its name. docker's classic builder knows no results of parents. What each of
them copies is recorded in `tests/data/ignore`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from rootless_build.images.containerfile.patterns import (
    Pattern,
    PatternError,
    Patterns,
    ignore_lines,
    parse_lines,
)

_ODD: Final = re.compile(r"[+()|{}]|(?<!\[)\^|\*\*[^/]")
"""What some engines hand to their regular expressions, or compare as no expression at all."""


class Match(NamedTuple):
    """What ignore rules say of a path. `left_out`: the engines do not copy it. `look_below`:
    something below may be copied.
    """

    left_out: bool
    look_below: bool


_COPIED: Final = Match(left_out=False, look_below=True)


class Rules:
    """The patterns of one ignore file; none where an engine refuses them."""

    def __init__(self, text: str) -> None:
        try:
            self._buildkit = Patterns(ignore_lines(text))
            self._containers = tuple(map(_Read, parse_lines(_lines_of_containers(text))))
        except PatternError:
            self._buildkit, self._containers = Patterns(()), ()
        self._classic = tuple(map(_Read, self._buildkit.patterns))
        readings = (self._classic, self._containers)
        # What is said of a directory by one that nobody can read decides what others say below it.
        self._sure = not any(pattern.problem for pattern in self._buildkit.patterns)
        self._exceptions = any(p.exception for patterns in readings for p in patterns)
        self._any = _Any(readings)

    def __bool__(self) -> bool:
        """Whether anything is left out at all."""
        return bool(self._any)

    @property
    def is_certain(self) -> bool:
        """Whether every engine leaves out just what these rules do."""
        texts = [[pattern.text for pattern in each] for each in (self._classic, self._containers)]
        odd = any(pattern.odd for pattern in (*self._classic, *self._containers))
        return not (odd or self._exceptions) and texts[0] == texts[1]

    def match(self, path: str) -> Match:
        """What the rules say of a path of the context, none of whose parents was left out for
        good.
        """
        if not self._exceptions:
            left_out = self._any.mean(path)
            return Match(left_out, not left_out)
        if not self._any.touch(path) or not self._left_out(path):
            return _COPIED
        return Match(left_out=True, look_below=self._may_be_below(path))

    def _left_out(self, path: str) -> bool:
        parts = path.split("/")
        parents = ["/".join(parts[:count]) for count in range(1, len(parts))]
        return (
            self._sure
            and _by_classic(self._classic, path, parents)
            and _by_containers(self._containers, path, parents)
            and self._buildkit.match(path)
        )

    def _may_be_below(self, path: str) -> bool:
        directory = path.split("/")
        return any(
            _may_match_below(pattern, directory)
            for pattern in (*self._classic, *self._containers)
            if pattern.exception
        ) or any(f"{p.text.strip('/')}/".startswith(path) for p in self._containers if p.exception)


class _Read:
    """A pattern as some engine reads it. `odd`: engines differ about it, or only an automaton can
    tell; then it means nothing, and an exception means everything.
    """

    __slots__ = ("depth", "exception", "expression", "matches", "odd", "text")

    def __init__(self, pattern: Pattern) -> None:
        self.text, self.exception = pattern.text, pattern.exception
        self.expression = pattern.expression
        self.odd = _is_odd(pattern)
        self.depth = pattern.text.count("/") + 1
        self.matches = _all_or_none(self.exception) if self.odd else pattern.match


class _Any:
    """Whether some pattern of each reading means a path; most paths have nothing to do with any."""

    def __init__(self, readings: Sequence[Sequence[_Read]]) -> None:
        together = dict.fromkeys(_together(patterns) for patterns in readings)
        self._known = "" not in together
        self._expressions = [re.compile(each) for each in together if self._known]
        self._touched = [
            re.compile(f"(?:{each})(?:/.*)?", re.DOTALL) for each in together if self._known
        ]

    def __bool__(self) -> bool:
        return self._known

    def mean(self, path: str) -> bool:
        for expression in self._expressions:
            if not expression.fullmatch(path):
                return False
        return self._known

    def touch(self, path: str) -> bool:
        """Whether the patterns mean the path, or a directory that it is in."""
        return bool(self._touched) and all(e.fullmatch(path) for e in self._touched)


def _together(patterns: Sequence[_Read]) -> str:
    known = (p.expression for p in patterns if not p.exception and not p.odd)
    return "|".join(f"(?:{expression})" for expression in known)


def _is_odd(pattern: Pattern) -> bool:
    return bool(pattern.problem) or not pattern.expression or bool(_ODD.search(pattern.text))


def _all_or_none(answer: bool) -> Callable[[str], bool]:
    return lambda _: answer


def _lines_of_containers(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if line and not line.startswith("#") and line.strip("/"):
            yield line.strip("/")


def _by_classic(patterns: Sequence[_Read], path: str, parents: list[str]) -> bool:
    matched = False
    for pattern in patterns:
        if pattern.exception == matched and any(map(pattern.matches, (path, *parents))):
            matched = not pattern.exception
    return matched


def _by_containers(patterns: Sequence[_Read], path: str, parents: list[str]) -> bool:
    matched = False
    for pattern in patterns:
        above = parents[pattern.depth - 1 : pattern.depth]
        if pattern.exception == matched and any(map(pattern.matches, (path, *above))):
            matched = not pattern.exception
    return matched


def _may_match_below(pattern: _Read, directory: list[str]) -> bool:
    """Whether a path below the directory could be meant."""
    wanted = pattern.text.split("/")
    if pattern.odd or "[" in pattern.text or "\\" in pattern.text:
        return True
    for part, name in zip(wanted, directory, strict=False):
        if "**" in part:
            return True
        if not Pattern.of(part).match(name):
            return False
    return len(wanted) > len(directory)
