"""Runs that are kept of the project."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rootless_build.cli.command_line import value
from rootless_build.cli.own_places import history_directory
from rootless_build.history import runs
from rootless_build.history.runs import KeptRun
from rootless_build.model.text import shown


def names(words: Sequence[str]) -> Mapping[str, str]:
    """The number of each, the last one first, with its command and how it ended."""
    with contextlib.suppress(OSError):
        project = Path(value(words, "-C", "--directory") or ".").resolve()
        kept = reversed(runs.kept(history_directory(project)))
        return {str(run.number): _said(run) for run in kept}
    return {}


def _said(run: KeptRun) -> str:
    record = run.record
    if record is None:
        return run.problem
    ended = f"exit {record.outcome.status}" if record.outcome else "not ended"
    return f"{shown(record.title)}, {record.started}, {ended}"
