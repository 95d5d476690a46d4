"""`.dockerignore`: which files of a build context an engine leaves out.

Engines differ at the edges, and by version: docker (moby/patternmatcher) leaves out everything
below a matched directory, podman and buildah (containers/storage, fileutils) compare a pattern with
one parent only, of as many components as the pattern has, and look below an excluded directory
for an exception (`!…`) only where that is written out. A file counts as left out when all of them
leave it out: one too many costs a look at the engine's own cache, one too few would be a wrong
"unchanged".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from rootless_build.data import dataclass

_ODD: Final = re.compile(r"[+()|{}^]|\[\[|\[.*(?:--|&&|~~)")
"""What some versions of the engines, or Python alone, hand to their regular expressions."""
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A line. `expression` None stands for one that engines understand differently."""

    parts: tuple[str, ...]
    exception: bool
    expression: re.Pattern[str] | None

    def matches(self, path: str) -> bool:
        return self.expression is not None and self.expression.fullmatch(path) is not None

    def may_match_below(self, directory: list[str]) -> bool:
        if self.expression is None:
            return True
        for wanted, name in zip(self.parts, directory, strict=False):
            if "**" in wanted:
                return True
            if not re.fullmatch(_expression(wanted), name):
                return False
        return len(self.parts) > len(directory) or "**" in self.parts


class Verdict(NamedTuple):
    """`left_out`: the engines do not copy it. `look_below`: something below may be copied."""

    left_out: bool
    look_below: bool


_COPIED: Final = Verdict(left_out=False, look_below=True)


class Rules:
    """The patterns of one ignore file."""

    def __init__(self, text: str) -> None:
        self._patterns = tuple(_patterns(text))
        self._exceptions = any(pattern.exception for pattern in self._patterns)
        known = [p.expression.pattern for p in self._patterns if p.expression is not None]
        together = "|".join(f"(?:{expression})" for expression in known)
        self._any = re.compile(together) if known else None
        # With exceptions the parents of a path count too; most paths have nothing to do with any.
        self._touched = re.compile(f"(?:{together})(?:/.*)?", re.DOTALL) if known else None

    def __bool__(self) -> bool:
        """Whether anything is left out at all."""
        return self._any is not None

    def verdict(self, path: str) -> Verdict:
        """Of a path relative to the context, none of whose parents was left out for good."""
        if not self._exceptions:
            left_out = self._any is not None and self._any.fullmatch(path) is not None
            return Verdict(left_out, not left_out)
        if self._touched is None or self._touched.fullmatch(path) is None:
            return _COPIED
        parts = path.split("/")
        parents = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if not (self._docker(path, parents) and self._containers(path, parents)):
            return _COPIED
        below = any(p.exception and p.may_match_below(parts) for p in self._patterns)
        return Verdict(left_out=True, look_below=below)

    def _docker(self, path: str, parents: list[str]) -> bool:
        matched = False
        for pattern in self._patterns:
            if pattern.exception != matched:
                continue
            if pattern.exception and pattern.expression is None:
                matched = False
            elif pattern.matches(path) or any(map(pattern.matches, parents)):
                matched = not pattern.exception
        return matched

    def _containers(self, path: str, parents: list[str]) -> bool:
        matched = False
        for pattern in self._patterns:
            depth = len(pattern.parts)
            parent = parents[depth - 1] if depth <= len(parents) else None
            if pattern.exception and pattern.expression is None:
                matched = False
            elif pattern.matches(path) or (parent is not None and pattern.matches(parent)):
                matched = not pattern.exception
        return matched


def _patterns(text: str) -> Iterator[_Pattern]:
    odd = text.startswith(_BYTE_ORDER_MARK)  # docker takes it away, the others keep it
    for line in text.removeprefix(_BYTE_ORDER_MARK).split("\n"):
        # A comment is one in the first column only.
        pattern = "" if line.startswith("#") else line.strip()
        exception = pattern.startswith("!")
        if exception:
            pattern = pattern[1:].strip()
        if not pattern:
            continue
        pattern = posixpath.normpath(pattern).lstrip("/")
        if pattern in {"", "."}:
            continue
        try:
            odd = odd or _ODD.search(pattern) is not None
            expression = None if odd else re.compile(_expression(pattern))
        except re.error:
            expression = None  # the engine will say it
        odd = False
        yield _Pattern(tuple(pattern.split("/")), exception, expression)


def _expression(pattern: str) -> str:
    """The regular expression that moby/patternmatcher makes of a pattern."""
    made = ""
    rest = pattern
    while rest:
        if rest.startswith("**"):
            rest = rest[2:].removeprefix("/")
            made += "(?:.*/)?" if rest else ".*"
            continue
        character, rest = rest[0], rest[1:]
        if character == "*":
            made += "[^/]*"
        elif character == "?":
            made += "[^/]"
        elif character == "\\":
            escaped, rest = rest[:1], rest[1:]
            made += re.escape(escaped or character)
        elif character in "[]":
            made += character
        else:
            made += re.escape(character) if character not in "-^" else character
    return made
