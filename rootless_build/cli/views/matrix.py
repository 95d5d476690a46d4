"""A matrix: what is told of its cells while they are done, and all of them as a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.cli.views.tables import columns, duration
from rootless_build.matrix.records import Record
from rootless_build.matrix.work import Job
from rootless_build.model.events import Event, Level, Notice
from rootless_build.model.text import cut, shell_joined, shown, width

_COMMIT: Final = 12
_SAID: Final = {"unchanged": "nothing changed", "waiting": "not begun"}


class Planned(Struct, frozen=True):
    """A cell that would be done: of which ref and commit, by which command, where, and the
    directory of its bundles.
    """

    cell: str
    ref: str
    commit: str
    command: str
    where: str
    bundles: str


class Progress:
    """Tells of cells as they begin and end."""

    def __init__(self, number: int, tell: Callable[[Event], object]) -> None:
        self._number = number
        self._tell = tell
        self._ended = 0

    def begun(self, job: Job) -> None:
        """One has begun."""
        self._say(Level.INFO, "cell-begun", f"{job.cell}: begun")

    def ended(self, record: Record) -> None:
        """One has ended."""
        self._ended += 1
        took = f" in {duration(record.seconds)}" if record.seconds else ""
        text = f"[{self._ended}/{self._number}] {record.cell}: {_state(record)}{took}"
        text += f" on {record.where}" if record.where else ""
        if record.error:
            text += f": {record.error}"
        self._say(Level.INFO if record.is_done else Level.WARNING, "cell-ended", text)

    def again(self, job: Job, why: str) -> None:
        """One is done again."""
        self._say(Level.WARNING, "cell-again", f"{job.cell}: {why}; it is done again")

    def _say(self, level: Level, code: str, text: str) -> None:
        self._tell(Notice(level, code, shown(text)))


def as_row(row: Record | Planned) -> Mapping[str, object]:
    """A cell as data."""
    return msgspec.structs.asdict(row)


def as_json(rows: Sequence[Record | Planned]) -> str:
    """A list of objects."""
    return json.dumps([as_row(row) for row in rows], indent=2)


def planned(rows: Sequence[Planned]) -> str:
    """One line a cell: its name, of which commit, where, with which command."""
    return columns(
        ("cell", "of", "commit", "where", "command"),
        [
            (row.cell, shown(row.ref), row.commit[:_COMMIT], row.where, shown(row.command))
            for row in rows
        ],
    )


def table(records: Sequence[Record], room: int | None) -> str:
    """One line a cell, and below the table of each that is not done why, and how to see its log."""
    rows = [
        (
            record.cell,
            _state(record),
            duration(record.seconds) if record.seconds else "",
            record.where,
            record.commit[:_COMMIT] + ("+" if record.changed else ""),
            record.bundles and shown(record.bundles),
        )
        for record in records
    ]
    head = ("cell", "came to", "took", "where", "commit", "bundles")
    whole = columns(head, rows)
    if room is not None and max(map(width, whole.splitlines())) > room:
        whole = columns(head[:-1], [row[:-1] for row in rows])
        whole = "\n".join(cut(line, room) for line in whole.splitlines())
    lines = [whole]
    for record in records:
        if not record.is_done and record.error:
            lines.append(f"{record.cell}: {shown(record.error)}")
        if not record.is_done and record.log:
            lines.append(f"    {shell_joined(('less', record.log))}")
    done = sum(record.is_done for record in records)
    lines.append(f"{done} of {len(records)} cells done")
    return "\n".join(lines)


def _state(record: Record) -> str:
    if record.state == "failed" and record.status:
        return f"failed ({record.status})"
    return _SAID.get(record.state, record.state)
