"""All of a kept run that a report tells, read once from its log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.report.log_lines import LogLine, LogLines, Share
from rootless_build.history import log_files
from rootless_build.history.lines import DamagedLineError, KeptError, Line, read
from rootless_build.history.record import RunRecord
from rootless_build.history.runs import KeptRun
from rootless_build.history.timeline import Timeline, TimelineMaker
from rootless_build.model.events import BackendChosen, Level, Notice

_OF_PROGRESS: Final = (b'{"event":"output"', b'{"event":"screen"')
"""How lines begin that say nothing of when a step began."""
_MOST: Final = 1000
"""Notices that are shown."""


class Told(Struct, frozen=True):
    """What a run's log tells. `settings` are those of the host, `notes` what is said of steps
    beside why they are done, `damaged` how many lines can't be read.
    """

    timeline: Timeline
    log: tuple[LogLine, ...]
    settings: tuple[str, ...]
    warnings: tuple[Notice, ...]
    notes: tuple[Notice, ...]
    reason: str
    error: KeptError | None
    damaged: int


def told(run: KeptRun, record: RunRecord, share: Share, hint: str) -> Told:
    """Read the log of a run. `hint` says where the whole log is. Raises OSError."""
    maker, lines = TimelineMaker(record.started), LogLines(share)
    settings: list[str] = []
    warnings: list[Notice] = []
    notes: list[Notice] = []
    reason, error, damaged = "", None, 0
    for text in log_files.read(run.place):
        try:
            line = read(text)
        except DamagedLineError:
            damaged += 1
            continue
        maker.take(line)
        lines.take(line, maker.now)
        match line.told:
            case Notice(code="host-setting"):
                settings.append(line.told.text)
            case Notice(level=Level.WARNING):
                warnings.append(line.told)
            case Notice(code="not-incremental" | "incremental"):
                notes.append(line.told)
            case BackendChosen():
                reason = line.told.reason
            case KeptError():
                error = line.told
            case _:
                pass
    return Told(
        maker.timeline(_seconds(record)),
        lines.end(hint),
        tuple(settings[:_MOST]),
        tuple(warnings[:_MOST]),
        tuple(notes[:_MOST]),
        reason,
        error,
        damaged,
    )


def timeline(run: KeptRun, record: RunRecord) -> Timeline:
    """The timeline alone. Raises OSError."""
    maker = TimelineMaker(record.started)
    for line in _progress(run):
        maker.take(line)
    return maker.timeline(_seconds(record))


def _progress(run: KeptRun) -> Iterator[Line]:
    for text in log_files.read(run.place):
        if not text.startswith(_OF_PROGRESS):
            try:
                yield read(text)
            except DamagedLineError:
                continue


def compared_with(
    runs: Callable[[], Iterator[tuple[KeptRun, RunRecord]]], record: RunRecord
) -> tuple[KeptRun, RunRecord] | None:
    """The run before of the same command that did something, or else the last one of it; `runs`
    yields those that can be read, the newest first.
    """
    last = None
    for run, other in runs():
        if other.number >= record.number or other.words != record.words or not other.outcome:
            continue
        if other.outcome.status == 0 and other.outcome.done:
            return run, other
        last = last or (run, other)
    return last


def _seconds(record: RunRecord) -> float | None:
    return record.outcome.seconds if record.outcome else None
