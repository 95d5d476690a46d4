"""Patterns of `.dockerignore`, `--exclude` and `--parents`, as moby/patternmatcher has them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_BYTE_ORDER_MARK: Final = "\ufeff"


class _Pattern(NamedTuple):
    expression: re.Pattern[str]
    exception: bool


class Patterns:
    """Some of them; the last that matches a path, or a directory it is in, decides."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._patterns = tuple(_parsed(lines))
        self.exceptions = any(pattern.exception for pattern in self._patterns)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._patterns)

    def match(self, path: str) -> bool:
        """Whether a path relative to the root, with `/` between its parts, is meant."""
        matched = False
        paths = [path, *_parents(path)]
        for pattern in self._patterns:
            if pattern.exception == matched and any(map(pattern.expression.fullmatch, paths)):
                matched = not pattern.exception
        return matched


def ignored(text: str) -> Patterns:
    """The patterns of an ignore file."""
    lines = text.removeprefix(_BYTE_ORDER_MARK).splitlines()
    return Patterns(line for line in lines if not line.startswith("#"))


def expression(pattern: str) -> str:
    """The regular expression of one pattern; `**` stands for any number of directories."""
    made, at = "", 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern[at : at + 1] == "*":
            at += 1
            if pattern[at : at + 1] == "/":
                at += 1
            made += ".*" if at >= len(pattern) else "(.*/)?"
        elif character == "*":
            made += "[^/]*"
        elif character == "?":
            made += "[^/]"
        elif character == "\\":
            made += re.escape(pattern[at : at + 1] or "\\")
            at += 1
        elif character == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                made += "\\["
            else:
                inside = pattern[at:end].replace("\\", "\\\\")
                made += f"[{inside}]"
                at = end + 1
        else:
            made += re.escape(character)
    return made


def _parsed(lines: Iterable[str]) -> Iterator[_Pattern]:
    for line in lines:
        text = line.strip()
        exception = text.startswith("!")
        text = text[1:].strip() if exception else text
        if not text:
            continue
        text = posixpath.normpath(text).lstrip("/")
        if text in {"", "."}:
            continue
        yield _Pattern(re.compile(expression(text), re.DOTALL), exception)


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
