"""The JSON log: one object a line, through structlog.

Every object has `event` (the kind, below) and `timestamp` (ISO 8601, UTC). The other fields are
those of the class of the same name in `rootless_build.model.events`:

    backend-chosen     name, version, reason
    step-started       step, of, kind, title, name
    build-progress     step, number, of, instruction, state (started, cached, done), stage
    output             step, stream (stdout, stderr), line (bytes that are not UTF-8 as \\xNN)
    step-finished      step, status, seconds, cached
    notice             level (detail, info, warning), code, text, step
    bundles-published  directory, files, checked, sizes (bytes of each of files), sizes_before (null
                       for one that is new), total (bytes of all in directory), total_before
    image-ready        step, names, id, platform (the one that was asked for)
    build-finished     status, seconds (since rbuild was started), saved, done
    error              code, message, hint, engine_words, last_words, notes, problems, where, step,
                       status, seconds, exit_code, finding, log (the command that shows the run's
                       log; empty where none is kept), log_file

What a command was asked for is one object, or one for each row of its list:

    plan               plan (as with --format json), backend, verdicts (of each step: done,
                       why), beside (of each step: the numbers of those that it may go on beside),
                       lines (as they are printed)
    target             name, description, targets (of a group), default
    bundle             path, size, kind, checksum, architecture, linkage, target
    verified           directory, checked, problems, warnings
    installed          target, source, replaced, dry_run
    difference         image (empty for a file that was written), path (empty for a setting of an
                       image), text, diffoscope (where that is installed)
    reproduced         same, differing (numbers of files), images (name, layers, times, twice,
                       files, differing, settings of each)
    base-made          image, id
    backend            name, version, usable, problem, hint, chosen, reason
    removed            what, size, dry_run
    cleaned            count, size, dry_run
    examined           can_build, findings, settings (as with doctor --format json)
    explanation        id, text
    report             the fields of doctor --report
    written            file, form (html, trace, script): of rbuild report, plan --script
    help               text
    version            version

Fields may be added; none is renamed or removed within a major version.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TextIO

import structlog

from rootless_build.model import event_data
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    Answer,
    AtWork,
    Event,
    OutputLine,
    ScreenOutput,
    UnfinishedLine,
)


def _event_first(
    _: structlog.typing.WrappedLogger, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A person who reads a line wants to know first what it is about."""
    return {"event": fields.pop("event"), "timestamp": fields.pop("timestamp"), **fields}


class JsonView:
    """Writes every event to `out` as it happens."""

    def __init__(self, out: TextIO) -> None:
        self._log: structlog.typing.WrappedLogger = structlog.wrap_logger(
            structlog.WriteLogger(out),
            processors=[
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _event_first,
                structlog.processors.JSONRenderer(),
            ],
        )

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if isinstance(event, OutputLine):
            self._log.msg(event_data.OUTPUT, **event_data.of_output(event))
            return
        if isinstance(event, ScreenOutput):
            return  # no container has the terminal while there is a JSON log on it
        if isinstance(event, AtWork | UnfinishedLine):
            return  # all of it is told once more
        if isinstance(event, Answer):
            answer = {name: plain(value) for name, value in event.fields.items()}
            self._log.msg(event.name, **answer)
            return
        name, fields = event_data.of_event(event)
        self._log.msg(name, **fields)

    def stopping(self) -> None:
        """The log says it at the end: an object in the middle of another is none."""

    def close(self) -> None:
        """Nothing of it is open."""

    def error(self, error: RbuildError) -> None:
        """Write what ended the run."""
        self._log.msg(event_data.ERROR, **event_data.of_error(error))


def plain(value: object) -> object:
    """The value in what JSON has."""
    match value:
        case dict():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case Path() | Enum():
            return str(value)
        case _:
            return value
