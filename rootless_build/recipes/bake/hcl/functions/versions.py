"""`semvercmp`: whether a version satisfies a constraint (github.com/Masterminds/semver, README)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.hcl.functions.function import ArgumentError, Function, function

_VERSION: Final = re.compile(
    r"v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?"
    r"(?:-(?P<before>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
_PART: Final = re.compile(r"(?P<operator>=<|=>|>=|<=|!=|~>|[=<>~^]?)\s*(?P<version>v?[\w.*+-]+)")
_DIGITS: Final = 19
"""Digits of Go's numbers (github.com/Masterminds/semver has unsigned ones of 64 bits)."""
_LONGEST_NAME: Final = 256
_WILD: Final = frozenset({"x", "X", "*"})


class _Version(Struct, frozen=True):
    numbers: tuple[int, int, int]
    before: str
    given: int
    """How many of the numbers are written."""

    @property
    def key(self) -> tuple[tuple[int, int, int], bool, list[tuple[int, int, str]]]:
        parts = [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in self.before.split(".")]
        return self.numbers, not self.before, parts if self.before else []


def _version(text: str) -> _Version:
    found = _VERSION.fullmatch(text)
    if not found:
        raise ArgumentError(f"{text!r} is no semantic version")
    given = [found[name] for name in ("major", "minor", "patch") if found[name] is not None]
    if max(map(len, given)) > _DIGITS or len(found["before"] or "") > _LONGEST_NAME:
        raise ArgumentError("no version has numbers or names as long as that")
    numbers = [int(number) for number in given] + [0, 0]
    return _Version((numbers[0], numbers[1], numbers[2]), found["before"] or "", len(given))


def _wanted(text: str) -> _Version:
    numbers = text.removeprefix("v").partition("-")[0].split(".")
    fixed = []
    for number in numbers:
        if number in _WILD:
            break
        fixed.append(number)
    if len(fixed) == len(numbers):
        return _version(text)
    if not fixed:
        return _Version((0, 0, 0), "", 0)
    return _version(".".join(fixed))


def _satisfies(version: _Version, operator: str, wanted: _Version) -> bool:
    # A pre-release is taken where the constraint names one.
    if version.before and not wanted.before:
        return False
    at_least = version.key >= wanted.key
    same = version.numbers[: wanted.given] == wanted.numbers[: wanted.given]
    exact = version.key == wanted.key if wanted.given == 3 else same
    comparisons = {
        "": exact,
        "=": exact,
        "!=": not exact,
        ">": at_least and not exact,
        ">=": at_least,
        "=>": at_least,
        "<": not at_least,
        "<=": not at_least or exact,
        "=<": not at_least or exact,
    }
    if operator in comparisons:
        return comparisons[operator]
    # `~1.2.3` keeps the minor version, `^0.2.3` the first number that is not 0.
    kept = min(2, wanted.given)
    if operator == "^":
        given = wanted.numbers[: wanted.given]
        kept = next((i for i, number in enumerate(given) if number), wanted.given - 1) + 1
    return at_least and version.numbers[:kept] == wanted.numbers[:kept]


def _compared(version: str, constraint: str) -> bool:
    given = _version(version)
    for alternative in constraint.split("||"):
        ranged = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", alternative)
        parts = list(_PART.finditer(ranged))
        if not parts or _PART.sub("", ranged).strip(" ,"):
            raise ArgumentError(f"{constraint!r} is no constraint of versions")
        if all(_satisfies(given, p["operator"], _wanted(p["version"])) for p in parts):
            return True
    return False


FUNCTIONS: Final[Mapping[str, Function]] = {"semvercmp": function("string string", _compared)}
