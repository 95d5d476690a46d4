"""Files of `NAME=VALUE` lines: `.env` and compose's env_file (compose-spec: interpolation)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rootless_build.recipes.bake.compose.interpolation import (
    InterpolationError,
    Lookup,
    interpolated,
)
from rootless_build.recipes.bake.source import Place, Source, refused

_LINE: Final = re.compile(
    r"\s*(?:export\s+)?(?P<name>[A-Za-z_][\w.-]*)\s*"
    r"(?:[=:]\s*(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\n]*)))?"
)
_ESCAPE: Final = re.compile(r"\\([nrt\"\\$])")
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t"}


def variables(source: Source, lookup: Lookup) -> Mapping[str, str]:
    """What the file sets. A bare name takes the value that `lookup` has. Raises BakeError."""
    made: dict[str, str] = {}

    def known(name: str) -> str | None:
        found = lookup(name)
        return found if found is not None else made.get(name)

    for number, text in _lines(source.text):
        place = Place(source, number, 1)
        found = _LINE.match(text)
        if found is None:
            raise refused(place, "this is no NAME=VALUE")
        value = _value(found, known, place)
        if value is not None:
            made[found["name"]] = value
    return made


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with something in them; a quoted value may hold line ends."""
    at, number = 0, 1
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if line.strip() and not line.lstrip().startswith("#"):
            found = _LINE.match(text, at)
            if found and (found["single"] is not None or found["double"] is not None):
                end = max(end, text.find("\n", found.end()) if "\n" in found[0] else end)
                line = text[at:end]
            yield number, line
        number += text.count("\n", at, end + 1)
        at = end + 1


def _value(found: re.Match[str], lookup: Lookup, place: Place) -> str | None:
    if found["single"] is not None:
        return found["single"]
    try:
        if found["double"] is not None:
            text = _ESCAPE.sub(
                lambda e: _LETTERS.get(e[1], e[0] if e[1] == "$" else e[1]), found["double"]
            )
            return interpolated(text.replace("\\$", "$$"), lookup)
        if found["bare"] is not None:
            return interpolated(re.split(r"\s#", found["bare"])[0].strip(), lookup)
    except InterpolationError as error:
        raise refused(place, str(error)) from error
    return lookup(found["name"])
