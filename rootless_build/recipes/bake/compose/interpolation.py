"""`$NAME` and `${NAME:-default}` in compose and `.env` files (compose-spec: interpolation)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

Lookup = Callable[[str], str | None]
_NAME: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATOR: Final = re.compile(r":?[-?+]")


class InterpolationError(ValueError):
    """The text can't be interpolated; says why."""


def interpolated(text: str, lookup: Lookup) -> str:
    """The text with its variables replaced; one that is not set is empty, `$$` is `$`.

    Raises InterpolationError.
    """
    made, at = [], 0
    while at < len(text):
        start = text.find("$", at)
        if start < 0:
            break
        made.append(text[at:start])
        piece, at = _one(text, start, lookup)
        made.append(piece)
    return "".join([*made, text[at:]])


def _one(text: str, start: int, lookup: Lookup) -> tuple[str, int]:
    following = text[start + 1 : start + 2]
    if following == "$":
        return "$", start + 2
    if following == "{":
        end = _closing(text, start + 2)
        return _braced(text[start + 2 : end], lookup), end + 1
    name = _NAME.match(text, start + 1)
    if name is None:
        raise InterpolationError(f"{text!r} has a `$` that begins no variable; write `$$`")
    return lookup(name[0]) or "", name.end()


def _closing(text: str, at: int) -> int:
    depth = 1
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise InterpolationError(f"{text!r} has a `${{` without its `}}`")


def _braced(inside: str, lookup: Lookup) -> str:
    name = _NAME.match(inside)
    if name is None:
        raise InterpolationError(f"${{{inside}}} names no variable")
    rest = inside[name.end() :]
    value = lookup(name[0])
    if not rest:
        return value or ""
    operator = _OPERATOR.match(rest)
    if operator is None:
        raise InterpolationError(f"${{{inside}}} has an operator that is not known here")
    word = rest[operator.end() :]
    there = value is not None and (bool(value) or not operator[0].startswith(":"))
    match operator[0][-1]:
        case "+":
            return interpolated(word, lookup) if there else ""
        case "?" if not there:
            said = interpolated(word, lookup) or "is not set"
            raise InterpolationError(f"the variable {name[0]} is needed: {said}")
        case "-" if not there:
            return interpolated(word, lookup)
    return value or ""
