"""Places in bake and compose files, and the errors that name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from rootless_build.model import nearest as likely
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import Origin

LARGEST: Final = 512 * 1024
"""Bytes of a bake or compose file."""
_INSTEAD: Final = "an rbuild.toml, or `--set` on bake's command line, can say it another way"


class Source(Struct, frozen=True):
    """A file that is read. `name` is as the command line or the look-up has it."""

    name: str
    text: str


class Place(Struct, frozen=True):
    """A position in a file; `line` and `column` count from 1, `column` in characters."""

    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    @property
    def text(self) -> str:
        """The whole line."""
        lines = self.source.text.splitlines()
        return lines[self.line - 1] if 0 < self.line <= len(lines) else ""

    @property
    def origin(self) -> Origin:
        """The place as a step has it."""
        return Origin(self.source.name, self.line, self.text.strip())


class BakeError(RecipeError):
    """A bake or compose file can't be understood or honoured; names file, line and column."""


def refused(place: Place, message: str, hint: str = "") -> BakeError:
    """The error, with the line it is about."""
    return BakeError(f"{place}: {message}", hint=hint, engine_words=place.text.strip())


def dishonoured(place: Place, what: str, why: str) -> BakeError:
    """The error for what is understood and can't be done."""
    return refused(place, f"{what} can't be honoured: {why}", _INSTEAD)


def passed_over(place: Place, what: str, hint: str = "") -> str:
    """A note about what buildx takes no notice of."""
    near = f"; {hint}" if hint.startswith("did you mean") else ""
    return f"{place}: {what}, which is passed over{near}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or what there is; empty where nothing is known."""
    names = sorted(known)
    near = likely.nearest(word, names, likely.USUAL)
    if near:
        return f"did you mean {near}?"
    return f"known are {', '.join(names)}" if 0 < len(names) <= 12 else ""
