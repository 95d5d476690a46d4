"""What a check says, and what a containerfile says of checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.syntax import Containerfile
from rootless_build.model.go import parse_bool

_ARGUMENT: Final = "BUILDKIT_DOCKERFILE_CHECK"
"""The build argument that stands for the directive."""
_ALL: Final = "all"
_EXPERIMENTAL: Final = ("CopyIgnoredFile", "InvalidDefinitionDescription")
_WITHOUT_PAGE: Final = ("InvalidBaseImagePlatform",)
_PAGES: Final = "https://docs.docker.com/go/dockerfile/rule/"
_BEGINNING: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FARTHEST: Final = 2
"""Letters that a name may differ in from the one that was meant."""


class CheckWarning(Struct, frozen=True):
    """What the check of that name found; lines count from 1."""

    rule: str
    detail: str
    line: int
    end_line: int

    @property
    def page(self) -> str:
        """Where docker explains the check; empty for one that it does not explain."""
        if self.rule in _WITHOUT_PAGE:
            return ""
        return f"{_PAGES}{_BEGINNING.sub('-', self.rule).lower()}/"


class Wishes(Struct, frozen=True):
    """Which checks are made, and whether a build ends with what they find."""

    skipped: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    is_error: bool = False

    @classmethod
    def of(cls, file: Containerfile, arguments: Mapping[str, str]) -> Wishes:
        """Those of a containerfile, or of the build argument that takes their place."""
        text = arguments.get(_ARGUMENT) or file.directive("check") or ""
        told = dict(word.strip().partition("=")[::2] for word in text.split(";"))
        return cls(
            _names(told.get("skip", "")),
            _names(told.get("experimental", "")),
            parse_bool(told.get("error", "").lower()) or False,
        )

    def want(self, rule: str) -> bool:
        """Whether a check is made."""
        if rule in _EXPERIMENTAL and self.experimental.isdisjoint((rule, _ALL)):
            return False
        return self.skipped.isdisjoint((rule, _ALL))


def meant(name: str, known: Iterable[str], sign: str = "") -> str:
    """` (did you mean …?)`, or nothing; of names as near as each other it is the first."""
    distances = {each: _distance(name.lower(), each.lower()) for each in known}
    near = min(distances, key=lambda each: distances[each], default=None)
    if near is None or not 0 < distances[near] <= _FARTHEST:
        return ""
    return f" (did you mean {sign}{near}?)"


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _distance(one: str, other: str) -> int:
    """How many letters have to be changed, put in or left out (Levenshtein)."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, another in enumerate(other, 1):
            change = before[column - 1] + (letter != another)
            now.append(min(before[column] + 1, now[-1] + 1, change))
        before = now
    return before[-1]
