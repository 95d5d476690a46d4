"""Which variables of makefiles have values that rbuild can't ask make for.

A recipe's environment is asked for with a target of rbuild's own, so that a variable made of
automatic ones (GNU make manual, "Automatic Variables") has what belongs to that target. The name of
the target (`$@`) can be put back where it stands whole; what else there is of a target can't be
known, and neither can what functions make of the name, or of make's options.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rootless_build.data import dataclass
from rootless_build.recipes import make_options

_ASSIGNMENT: Final = re.compile(
    r" *(?:[^=:#\t][^=:#]*::?[ \t]*)?(?:(?:export|override|private)[ \t]+)*"
    r"(?P<name>[\w.-]+)[ \t]*(?P<how>:{1,3}|\?|\+|!)?=[ \t]*(?P<value>.*)",
    re.DOTALL,
)
_DEFINE: Final = re.compile(
    r"^ *(?:(?:override|export)[ \t]+)*define[ \t]+(?P<name>[\w.-]+)"
    r"[ \t]*(?P<how>:{1,3}|\?|\+|!)?=?[^\n]*\n(?P<value>.*?)^ *endef\b",
    re.MULTILINE | re.DOTALL,
)
_LATER: Final = ("", "?", "+")
"""How variables are set whose value is made each time it is needed."""
_AUTOMATIC: Final = re.compile(r"\$(?:([@%<?^+*|])|[({]([@%<?^+*|])([^(){}]*)[)}])")
_REFERENCE: Final = re.compile(r"\$[({](?:call +)?([\w.-]+)([:,][^(){}]*)?[)},]")
_COMMENT: Final = re.compile(r"(?<!\\)#.*", re.DOTALL)
_OPTIONS: Final = "make's own options"
_TARGET: Final = "$@"


@dataclass(frozen=True, slots=True)
class _Made:
    """What a value is made of. `unknown` is the part of it that can't be known."""

    of_target: bool = False
    unknown: str = ""


def unknown(texts: Iterable[str]) -> Mapping[str, str]:
    """The variables whose values can't be known, each with what it is made of."""
    values: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for text in texts:
        for name, how, value in _assignments(text):
            values[name].append((value.replace("$$", ""), how in _LATER))
    made: dict[str, _Made] = {}
    changed = True
    while changed:
        changed = False
        for name, given in values.items():
            found = _joined(_made_of(value, later, made) for value, later in given)
            if found != made.get(name, _Made()):
                made[name] = found
                changed = True
    return {name: found.unknown for name, found in made.items() if found.unknown}


def _joined(made: Iterable[_Made]) -> _Made:
    found = list(made)
    return _Made(
        any(one.of_target for one in found), next((one.unknown for one in found if one.unknown), "")
    )


def _made_of(value: str, later: bool, made: Mapping[str, _Made]) -> _Made:
    if any(make_options.asked(value)):
        return _Made(unknown=_OPTIONS)
    if not later:
        return _Made()
    of_target = False
    for short, long, part in _AUTOMATIC.findall(value):
        if part or (short or long) != "@":
            return _Made(of_target, f"${short or f'({long}{part})'}")
        of_target = True
    for name, change in _REFERENCE.findall(value):
        one = made.get(name, _Made())
        if one.unknown or (one.of_target and change):
            return _Made(of_target, one.unknown or _TARGET)
        of_target |= one.of_target
    if of_target:
        for inside in make_options.functions(value):
            if _made_of(inside, True, made).of_target:
                return _Made(of_target, _TARGET)
    return _Made(of_target)


def _assignments(text: str) -> Iterator[tuple[str, str, str]]:
    for found in _DEFINE.finditer(text):
        yield found["name"], found["how"] or "", found["value"]
    for row in re.sub(r"\\\n[ \t]*", " ", _DEFINE.sub("", text)).split("\n"):
        found_row = None if row.startswith("\t") else _ASSIGNMENT.match(row)
        if found_row:
            value = _COMMENT.sub("", found_row["value"])
            yield found_row["name"], found_row["how"] or "", value
