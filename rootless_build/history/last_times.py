"""How long a step took the last time, as the runs that are kept have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rootless_build.history import runs
from rootless_build.history.record import StepRecord

_LOOKED_AT: Final = 10
"""Runs: a step that none of the last ones did has no time that says anything."""


def took_last_time(directory: Path, title: str) -> float | None:
    """The seconds that a step of that title took when it was last done to its end, of the runs in
    the directory of a checkout; None where that is not known.
    """
    for run in runs.newest(directory, _LOOKED_AT):
        steps = run.record.steps if run.record else ()
        times = [step.seconds for step in steps if _is_whole(step, title)]
        if times:
            return times[-1]
    return None


def _is_whole(step: StepRecord, title: str) -> bool:
    return step.title == title and step.status == 0 and not step.cached
