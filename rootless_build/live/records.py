"""What the last live run of a target did: the plans of its calls, in the order in which they began.

`rbuild plan` shows them. Nothing is left out because of them: a live run is always run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.freshness.index import write_atomically
from rootless_build.model.plan import Plan, Step, from_json, to_json
from rootless_build.model.structs import replace

_DIRECTORY: Final = "live"


class LastRun(Struct, frozen=True):
    """A live run: when it ended (ISO 8601), its exit status, and what it did as one plan."""

    ended: str
    status: int
    plan: Plan


def keep(cache: Path, words: Sequence[str], last: LastRun) -> None:
    """Put down the run of a command."""
    data = {"ended": last.ended, "status": last.status, "plan": to_json(last.plan, indent=None)}
    file = _file(cache, words)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(data).encode())


def last_run(cache: Path, words: Sequence[str]) -> LastRun | None:
    """The last run of a command; None where there is none on record."""
    try:
        data = json.loads(plain.content(_file(cache, words)))
        return LastRun(str(data["ended"]), int(data["status"]), from_json(data["plan"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def together(first: Plan, calls: Sequence[Plan]) -> Plan:
    """One plan of what a command's own plan has, and all of its calls."""
    steps: list[Step] = [*first.steps]
    for call in calls:
        steps += call.steps
    return replace(first, steps=tuple(steps))


def _file(cache: Path, words: Sequence[str]) -> Path:
    key = hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()[:16]
    return cache / _DIRECTORY / f"{key}.json"
