"""The steps of a kept plan, as names and values to read; a plan of a later rbuild's, too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, cast

from msgspec import Struct

from rootless_build.model.plan import Json
from rootless_build.model.text import shell_joined, shown

_MOST: Final = 500
"""Steps."""
_LONGEST: Final = 4000
"""Characters of a value."""
_APART: Final = frozenset({"kind", "origin", "limits"})
_KINDS: Final = {
    "build-image": "build an image",
    "run-container": "run a container",
    "host-command": "a command of this host",
    "tag-image": "name an image",
    "pull-image": "pull an image",
    "remove-volume": "remove volumes",
    "unexpanded": "known when its turn comes",
}
_USUAL: Final[dict[str, Json]] = {"pull": "missing", "remove": True, "shell": ["/bin/sh", "-c"]}
"""Values that say nothing of a step, beside empty ones."""


class PlanStep(Struct, frozen=True):
    """A step: what it does, where it stands in the recipe, its line there, and its values."""

    number: int
    kind: str
    place: str
    line: str
    values: tuple[tuple[str, str], ...]


def plan_steps(plan: str) -> tuple[tuple[PlanStep, ...], str]:
    """The steps of a plan in JSON, and the name of its recipe; nothing for what is no plan."""
    try:
        data = cast("dict[str, Json]", json.loads(plan)) if plan else {}
        steps = data.get("steps", [])
    except (ValueError, AttributeError, RecursionError):
        return (), ""
    found = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    made = tuple(_step(number, step) for number, step in enumerate(found[:_MOST], 1))
    return made, _text(data.get("recipe", ""))


def _step(number: int, step: dict[str, Json]) -> PlanStep:
    kind = _text(step.get("kind", ""))
    origin = step.get("origin")
    place, line = "", ""
    if isinstance(origin, dict):
        where = origin.get("line")
        place = _text(origin.get("file", "")) + (f":{where}" if isinstance(where, int) else "")
        line = _text(origin.get("text", ""))
    return PlanStep(number, _KINDS.get(kind, kind), place, line, tuple(_values(step)))


def _values(step: dict[str, Json]) -> Iterator[tuple[str, str]]:
    limits = step.get("limits")
    more = limits if isinstance(limits, dict) else {}
    for name, value in {**step, **more}.items():
        # 0 and `()` are values: an entrypoint that is empty is none at all.
        is_said = value not in (None, False, "", []) or (name == "entrypoint" and value == [])
        if name not in _APART and is_said and value != _USUAL.get(name):
            yield shown(name.replace("_", " ")), _text(value)


def _text(value: Json) -> str:
    text = _lines(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … {len(text)} characters in all"


def _lines(value: Json) -> str:
    match value:
        case str():
            return "\n".join(map(shown, value.split("\n")))
        case list() if all(isinstance(each, str) for each in value):
            return shell_joined(cast("list[str]", value))
        case list():
            return "\n".join(_pair(each) for each in value)
        case _:
            return shown(json.dumps(value))


def _pair(value: Json) -> str:
    match value:
        case [str(name), str(given)]:
            return shown(f"{name}={given}")
        case {"type": str(kind), **rest}:
            said = (f"{name}={each}" for name, each in rest.items() if each not in (None, False))
            return shown(f"{kind} {' '.join(said)}")
        case _:
            return shown(json.dumps(value))
