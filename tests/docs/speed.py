"""The figures of docs/explanation/speed.md and README: of what `contrib/bench` wrote.

`python -m tests.docs bench DIR` takes a record into docs, with its figure, before it writes anew
what differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from tests.bench import record, tables
from tests.bench.figure import picture
from tests.bench.record import Record

EXPLANATION: Final = Path(__file__).parents[2] / "docs" / "explanation"


def take(directory: Path, into: Path = EXPLANATION) -> Record:
    """The record of `contrib/bench --output DIR` becomes that of docs, and its figure theirs. Where
    on a machine something was does not go along. Raises OSError, ValueError.
    """
    taken = record.read(directory / "bench.json")
    placeless = tuple(msgspec.structs.replace(each, place="") for each in taken.contenders)
    taken = msgspec.structs.replace(taken, contenders=placeless)
    era = taken.eras()[0]
    svg = picture(taken, era, tables.usual_size(taken.sizes(era)))
    (into / "bench.svg").write_text(svg, encoding="utf-8")
    record.write(taken, into / "bench.json")
    return taken


def _record() -> Record | None:
    file = EXPLANATION / "bench.json"
    return record.read(file) if file.exists() else None


def page() -> str | None:
    """What speed.md shows; None where docs have no record."""
    taken = _record()
    return None if taken is None else tables.page(taken)


def heart() -> str | None:
    """What README shows; None where docs have no record."""
    taken = _record()
    return None if taken is None else tables.heart(taken)
