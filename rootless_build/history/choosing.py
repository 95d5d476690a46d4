"""A kept run, as somebody names it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rootless_build.history import runs
from rootless_build.history.runs import KeptRun
from rootless_build.model.errors import UsageError
from rootless_build.model.text import shown

_NAME: Final = re.compile(r"(?P<back>-?)(?P<number>\d{1,9})")


def run_named(directory: Path, name: str, wanted: Callable[[KeptRun], bool]) -> KeptRun:
    """The run of that number; -1 for the one before the last; without a name the last of those
    that are `wanted`. Raises UsageError for one that is not kept.
    """
    if not name:
        found = runs.last(directory, wanted)
        if found is None:
            raise UsageError("no such run of this project is kept", hint=_hint(directory))
        return found
    form = _NAME.fullmatch(name)
    if form is None:
        raise UsageError(f"{shown(name)} is no number of a run", hint=_hint(directory))
    kept = runs.kept(directory)
    number = int(form["number"])
    if form["back"]:
        if number < len(kept):
            return kept[-1 - number]
    else:
        for run in kept:
            if run.number == number:
                return run
    raise UsageError(f"no run {name} of this project is kept", hint=_hint(directory))


def _hint(directory: Path) -> str:
    kept = runs.kept(directory)
    if not kept:
        return "a run is kept when something is built: rbuild"
    return f"rbuild history lists them: {kept[0].number} to {kept[-1].number}"
