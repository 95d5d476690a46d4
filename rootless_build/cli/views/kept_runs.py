"""Kept runs, as a table and as JSON, and what two of them have not in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from rootless_build.cli.views.tables import columns, duration
from rootless_build.history.differences import Difference
from rootless_build.history.record import RunRecord
from rootless_build.history.runs import KeptRun
from rootless_build.model.text import cut, shell_joined, shown, width

_HEAD = ("run", "started", "took", "came to", "with", "commit", "command", "because")
_LEFT_OUT = frozenset({"with", "commit"})
_LEAST = 20
"""Columns of a command that are to be seen before others are left out in a narrow window."""
_COMMIT = 10
_COMMAND = 40
"""Columns of a command; of a long one, which would make all rows as long, the JSON has the rest."""


def row(run: KeptRun) -> dict[str, object]:
    """A run as data: when, which command, commit, backend, outcome, time, and why it was done."""
    record = run.record
    if record is None:
        return {"run": run.number, "state": "unreadable", "problem": run.problem}
    outcome = record.outcome
    return {
        "run": run.number,
        "state": _state(run, record),
        "started": record.started,
        "ended": outcome.ended if outcome else None,
        "seconds": outcome.seconds if outcome else None,
        "saved": outcome.saved if outcome else None,
        "status": outcome.status if outcome else None,
        "error": outcome.error if outcome else "",
        "command": _command(record),
        "backend": record.backend,
        "commit": record.commit,
        "why": record.why,
        "facts": dict(record.facts),
    }


def table(runs: Sequence[KeptRun], room: int | None = None) -> str:
    """One line a run, the oldest first; where that takes more columns than there is room for, why
    something was done stands on a second one, and where little of the command would be seen, the
    engine and the commit are left out.
    """
    rows = [_cells(run) for run in runs]
    whole = columns(_HEAD, rows)
    if room is None or max(map(width, whole.splitlines())) <= room:
        return whole
    head, *lines = columns(_HEAD[:-1], [row[:-1] for row in rows]).splitlines()
    if max(map(width, (head, *lines))) > room < head.index(_HEAD[-2]) + _LEAST:
        kept = [at for at, name in enumerate(_HEAD[:-1]) if name not in _LEFT_OUT]
        narrow = [[row[at] for at in kept] for row in rows]
        head, *lines = columns([_HEAD[at] for at in kept], narrow).splitlines()
    told = [cut(head, room)]
    for line, row in zip(lines, rows, strict=True):
        told.append(cut(line, room))
        told += [cut(f"     {row[-1]}", room)] if row[-1] else []
    return "\n".join(told)


def as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """A list of objects."""
    return json.dumps(rows, indent=2)


def comparison(head: str, found: Sequence[Difference]) -> str:
    """Two lines of each that differs."""
    if not found:
        return f"{head}: nothing differs"
    lines = [f"{head}:"]
    for each in found:
        lines.append(f"  {each.about}: {shown(each.name)}")
        lines += [f"    - {shown(each.before)}"] if each.before else []
        lines += [f"    + {shown(each.after)}"] if each.after else []
    return "\n".join(lines)


def _cells(run: KeptRun) -> tuple[str, ...]:
    record = run.record
    if record is None:
        return (str(run.number), "", "", "unreadable", "", "", "", shown(run.problem))
    took = duration(record.outcome.seconds) if record.outcome else ""
    return (
        str(run.number),
        _local(record.started),
        took,
        _state(run, record),
        record.backend,
        record.commit[:_COMMIT],
        cut(shown(_command(record)), _COMMAND),
        shown(record.why),
    )


def _state(run: KeptRun, record: RunRecord) -> str:
    if record.outcome is None:
        return "goes on" if run.goes_on else "killed"
    match record.outcome.status:
        case 0:
            return "done" if record.outcome.done else "nothing changed"
        case 130:
            return "interrupted"
        case status:
            return f"failed ({status})"


def _command(record: RunRecord) -> str:
    return shell_joined(("rbuild", *record.words)) if record.words else record.title


def _local(time: str) -> str:
    """A time of a record as the user's clock has it; what is none stays as it is."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return shown(time)
