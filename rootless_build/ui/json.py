"""The JSON log: one object a line, through structlog.

Every object has `event` (the kind, below) and `timestamp` (ISO 8601, UTC). The other fields are
those of the dataclass of the same name in `rootless_build.events`:

    backend-chosen     name, version, reason
    step-started       step, of, kind, title
    build-progress     step, number, of, instruction, state (started, cached, done), stage
    output             step, stream (stdout, stderr), line (bytes that are not UTF-8 as \\xNN)
    step-finished      step, status, seconds, cached
    notice             level (detail, info, warning), code, text, step
    bundles-published  directory, files, checked
    build-finished     status, seconds
    error              code, message, hint, engine_words, where, exit_code

Fields may be added; none is renamed or removed within a major version.
"""

from __future__ import annotations

import dataclasses
from typing import Final, TextIO

import structlog

from rootless_build.errors import HostError, RbuildError
from rootless_build.events import (
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BundlesPublished,
    Event,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
)

_NAMES: Final[dict[type[Event], str]] = {
    BackendChosen: "backend-chosen",
    StepStarted: "step-started",
    BuildProgress: "build-progress",
    StepFinished: "step-finished",
    Notice: "notice",
    BundlesPublished: "bundles-published",
    BuildFinished: "build-finished",
}


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
            line = event.data.decode(errors="backslashreplace").rstrip("\n")
            self._log.msg("output", step=event.step, stream=event.stream, line=line)
            return
        if isinstance(event, ScreenOutput):
            return  # no container has the terminal while there is a JSON log on it
        fields = {part.name: getattr(event, part.name) for part in dataclasses.fields(event)}
        if isinstance(event, BundlesPublished):
            fields["directory"] = str(event.directory)
        self._log.msg(_NAMES[type(event)], **fields)

    def stopping(self) -> None:
        """The log says it at the end: an object in the middle of another is none."""

    def error(self, error: RbuildError) -> None:
        """Write what ended the run."""
        self._log.msg(
            "error",
            code=error.code,
            message=error.message,
            hint=error.hint,
            engine_words=error.engine_words,
            where=error.where,
            exit_code=error.exit_code,
            finding=error.finding if isinstance(error, HostError) else "",
        )
