"""What of a containerfile an engine is left to do, and how that is known: a table, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.tables import columns
from rootless_build.images.rewrite.features import ASKED, Answers, of, older_buildkit

_REST: Final = (
    "All else that engines do otherwise than BuildKit is done or rewritten by rbuild, whatever the"
    " engine.\nWhat was not asked is asked by the first build that has it, and rewritten or refused"
    " where an engine does it otherwise."
)


class Row(Struct, frozen=True):
    """`feature` is what BuildKit does; `left` whether the engine of `backend` is left to do it.
    `asked` is the day on which it was asked, empty for not yet; `why` says why it was not to be.
    """

    backend: str
    engine: str
    feature: str
    left: bool
    asked: str = ""
    why: str = ""

    @property
    def fields(self) -> Mapping[str, object]:
        """As data."""
        return {
            "backend": self.backend,
            "engine": self.engine,
            "feature": self.feature,
            "left_to_engine": self.left,
            "asked": self.asked,
            "why": self.why,
        }


def rows(backend: str, builder: str, answers: Answers) -> Iterator[Row]:
    """What is known of a backend's builder, which gave these answers."""
    known = of(builder, answers)
    if known is None:
        why = "BuildKit's own" if backend == "docker" else "nothing is rewritten for this backend"
        why = older_buildkit(builder) or why
        yield Row(backend, builder, "all", left=True, why=why)
        return
    if known.kind == "docker-classic":
        why = "docker's classic builder has none of it"
        yield Row(backend, known.shown, "all", left=False, why=why)
        return
    for feature in ASKED:
        answer = answers.get(feature)
        day = answer.day if answer else ""
        yield Row(backend, known.shown, feature.value, left=known.has(feature), asked=day)


def as_text(found: Sequence[Row]) -> str:
    """One line each, and what holds of all else."""
    lines = [(row.engine, row.feature, _left_to(row), _how_known(row)) for row in found]
    table = columns(("engine", "construct", "left to", "because"), lines)
    return f"{table}\n\n{_REST}" if found else "no engine can run here"


def as_json(found: Sequence[Row]) -> str:
    """A list of objects."""
    return json.dumps([row.fields for row in found], indent=2)


def _left_to(row: Row) -> str:
    if row.left:
        return "the engine"
    return "rbuild" if row.asked or row.why else "-"


def _how_known(row: Row) -> str:
    if row.why:
        return row.why
    if not row.asked:
        return "not asked yet"
    return f"asked on {row.asked}: {'as' if row.left else 'otherwise than'} BuildKit"
