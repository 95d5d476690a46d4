"""An event as a line of a kept log, and back: the JSON log's own objects, and what of an event
these have not.

A line of output whose bytes are not UTF-8 also has them in `base64`; `cut` says that no newline
followed. What a container wrote to the terminal is `screen`.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Final, cast

import msgspec

from rootless_build.model import event_data
from rootless_build.model.errors import RbuildError
from rootless_build.model.event_data import Fields
from rootless_build.model.events import (
    Answer,
    AtWork,
    Event,
    OutputLine,
    ScreenOutput,
    Stream,
    UnfinishedLine,
)
from rootless_build.model.structs import from_data

SCREEN: Final = "screen"
LEFT_OUT: Final = "left-out"
"""Not an event: how many `bytes` of the log are not kept, before what follows."""


class KeptError(msgspec.Struct, frozen=True):
    """What ended a run, as the JSON log tells it (`rootless_build.model.event_data.of_error`)."""

    code: str
    message: str
    hint: str = ""
    engine_words: str = ""
    last_words: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    where: str = ""
    step: int | None = None
    status: int | None = None
    seconds: float | None = None
    exit_code: int = 1
    finding: str = ""


class LeftOut(msgspec.Struct, frozen=True):
    """Bytes of a log that are not kept."""

    bytes: int


Told = Event | KeptError | LeftOut


class Line(msgspec.Struct, frozen=True):
    """A line of a log: when (ISO 8601, UTC), what, and the object that it is."""

    timestamp: str
    told: Told
    fields: Fields


class DamagedLineError(ValueError):
    """A line is no event; it may be of a later rbuild."""


def of_event(event: Event) -> bytes:
    """The line of an event, with its newline; empty for one that is not kept."""
    match event:
        case OutputLine():
            return _line(event_data.OUTPUT, _output(event))
        case ScreenOutput(data=b"") | Answer() | AtWork() | UnfinishedLine():
            return b""
        case ScreenOutput():
            return _line(SCREEN, {"step": event.step, **_bytes(event.data)})
        case _:
            return _line(*event_data.of_event(event))


def of_error(error: RbuildError) -> bytes:
    """The line of what ended a run."""
    return _line(event_data.ERROR, event_data.of_error(error))


def of_left_out(count: int) -> bytes:
    """A line that says how many bytes are not kept."""
    return _line(LEFT_OUT, {"bytes": count})


def read(line: bytes) -> Line:
    """What a line tells. Raises DamagedLineError."""
    try:
        fields = cast("Fields", json.loads(line))
        return Line(str(fields["timestamp"]), _told(str(fields["event"]), fields), fields)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedLineError(str(error)) from error


def _told(name: str, fields: Fields) -> Told:
    match name:
        case event_data.OUTPUT:
            return _read_output(fields)
        case "screen":
            return ScreenOutput(cast("int", fields["step"]), _read_bytes(fields))
        case "error":
            return from_data(fields, KeptError)
        case "left-out":
            return from_data(fields, LeftOut)
        case _:
            return from_data(fields, event_data.NAMES[name])


def _output(event: OutputLine) -> Fields:
    fields = event_data.of_output(event)
    if not event.data.endswith(b"\n"):
        fields["cut"] = True
    try:
        event.data.decode()
    except UnicodeDecodeError:
        fields |= _bytes(event.data)
    return fields


def _read_output(fields: Fields) -> OutputLine:
    if "base64" in fields:
        data = _read_bytes(fields)
    else:
        data = str(fields["line"]).encode() + (b"" if fields.get("cut") else b"\n")
    stream: Stream = "stderr" if fields["stream"] == "stderr" else "stdout"
    return OutputLine(cast("int", fields["step"]), stream, data)


def _bytes(data: bytes) -> Fields:
    return {"base64": base64.b64encode(data).decode()}


def _read_bytes(fields: Fields) -> bytes:
    return base64.b64decode(str(fields["base64"]), validate=True)


def _line(name: str, fields: Fields) -> bytes:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return encoded({"event": name, "timestamp": now, **fields}) + b"\n"


def encoded(data: object) -> bytes:
    """Data as JSON on one line; `json.loads` reads it. Paths are strings."""
    try:
        return msgspec.json.encode(data, enc_hook=str)
    except UnicodeEncodeError:
        # Bytes of a path that are no text (PEP 383), which msgspec neither writes nor reads.
        return json.dumps(msgspec.to_builtins(data, enc_hook=str)).encode()


def is_left_out(line: bytes) -> bool:
    """Whether a line says that bytes are missing."""
    return line.startswith(b'{"event":"left-out"')
