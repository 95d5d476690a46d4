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

from msgspec import Struct

from rootless_build.recipes.make import options

_ASSIGNMENT: Final = re.compile(
    r" *+(?:[^=:#\t][^=:#]*::?[ \t]*+)?(?:(?:export|override|private)[ \t]+)*"
    r"(?P<name>[\w.-]+)[ \t]*(?P<how>:{1,3}|\?|\+|!)?=[ \t]*(?P<value>.*)",
    re.DOTALL,
)
_DEFINE: Final = re.compile(
    r" *(?:(?:override|export)[ \t]+)*define[ \t]+(?P<name>[^\s=:?+]+)"
    r"[ \t]*(?P<how>:{1,3}|\?|\+|!)?=?"
)
_ENDEF: Final = re.compile(r" *endef\b")
_LATER: Final = ("", "?", "+")
"""How variables are set whose value is made each time it is needed."""
_AUTOMATIC: Final = re.compile(r"\$(?:([@%<?^+*|])|[({]([@%<?^+*|])([^(){}]*)[)}])")
_REFERENCE: Final = re.compile(r"\$[({](?:call +)?([\w.-]+)([:,][^(){}]*)?[)},]")
_COMMENT: Final = re.compile(r"(?<!\\)#.*", re.DOTALL)
_OPTIONS: Final = "make's own options"
_TARGET: Final = "$@"
_WORD: Final = re.compile(r"[\w.-]+")
_ROUNDS: Final = 20


class _Made(Struct, frozen=True):
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
    names = _used_first(values)
    changed = names
    for _ in range(_ROUNDS):
        if changed:
            changed = [name for name in names if _learns(name, values[name], made)]
    # Each is made of itself, by way of others: to make that is a mistake, once it is used.
    made |= {name: _Made(unknown=f"$({name})") for name in changed}
    return {name: made[name].unknown for name in values if made[name].unknown}


def _learns(name: str, given: Iterable[tuple[str, bool]], made: dict[str, _Made]) -> bool:
    """Whether more is known now of what a variable is made of."""
    before = made.get(name, _Made())
    made[name] = _joined(_made_of(value, later, made) for value, later in given)
    return made[name] != before


def _used_first(values: Mapping[str, list[tuple[str, bool]]]) -> list[str]:
    """The variables, those that a value is made of before the one that is made of them."""
    order: dict[str, None] = {}
    begun: set[str] = set()
    for wanted in values:
        waiting = [(wanted, iter([wanted]))]
        while waiting:
            name, others = waiting[-1]
            other = next((other for other in others if other not in begun), None)
            if other is None:
                waiting.pop()
                order[name] = None
            else:
                begun.add(other)
                used = {word for value, _ in values[other] for word in _WORD.findall(value)}
                waiting.append((other, iter(sorted(used & values.keys()))))
    return list(order)


def _joined(made: Iterable[_Made]) -> _Made:
    found = list(made)
    return _Made(
        any(one.of_target for one in found), next((one.unknown for one in found if one.unknown), "")
    )


def _made_of(value: str, later: bool, made: Mapping[str, _Made]) -> _Made:
    if any(options.asked(value)):
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
    if of_target and any(_is_of_target(part, made) for part in options.functions(value)):
        return _Made(of_target, _TARGET)
    return _Made(of_target)


def _is_of_target(text: str, made: Mapping[str, _Made]) -> bool:
    """Whether the target's name is in a text that has nothing in it that can't be known."""
    names = (name for name, _ in _REFERENCE.findall(text))
    return _AUTOMATIC.search(text) is not None or any(
        name in made and made[name].of_target for name in names
    )


def definitions(text: str) -> tuple[list[tuple[str, str, str]], list[str]]:
    """What stands between `define` and `endef`: name, operator, value; and the lines without."""
    found: list[tuple[str, str, str]] = []
    kept: list[str] = []
    rows = text.split("\n")
    ends = [number for number, row in enumerate(rows) if _ENDEF.match(row)]
    at = 0
    for end in ends:
        opening = next((n for n in range(at, end) if _DEFINE.match(rows[n])), None)
        if opening is None:
            kept += rows[at : end + 1]
            at = end + 1
            continue
        match = _DEFINE.match(rows[opening])
        assert match is not None  # it has matched just now
        body = "".join(f"{row}\n" for row in rows[opening + 1 : end])
        found.append((match["name"], match["how"] or "", body))
        kept += rows[at:opening]
        at = end + 1
    return found, kept + rows[at:]


def _assignments(text: str) -> Iterator[tuple[str, str, str]]:
    defined, rows = definitions(text)
    yield from defined
    for row in re.sub(r"\\\n[ \t]*", " ", "\n".join(rows)).split("\n"):
        found_row = None if row.startswith("\t") else _ASSIGNMENT.match(row)
        if found_row:
            value = _COMMENT.sub("", found_row["value"])
            yield found_row["name"], found_row["how"] or "", value
