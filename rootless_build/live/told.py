"""What a worker tells the run of its call, through a pipe: events, each with its size before it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, get_args

import msgspec

from rootless_build.model.events import (
    Answer,
    AtWork,
    BuildProgress,
    Event,
    ImageReady,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.structs import from_data, replace

_KINDS: Final = {kind.__name__: kind for kind in get_args(Event)}
_SIZE: Final = 4


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return os.fspath(value)
    raise TypeError(type(value).__name__)


def _encoded(event: Event) -> bytes:
    name = type(event).__name__
    try:
        return msgspec.msgpack.encode((name, event), enc_hook=_plain)
    except UnicodeEncodeError:
        # A name of a file, or a word of a call, may be any bytes.
        fields = msgspec.to_builtins(event, enc_hook=_plain, builtin_types=(bytes,))
        return msgspec.msgpack.encode((name, _legible(fields)))


def _legible(value: object) -> object:
    match value:
        case str():
            return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
        case list() | tuple():
            return [_legible(each) for each in value]
        case dict():
            return {_legible(key): _legible(each) for key, each in value.items()}
        case _:
            return value


def write(pipe: int, event: Event) -> None:
    """Tell of an event; nobody need be there any more."""
    data = _encoded(event)
    view = memoryview(len(data).to_bytes(_SIZE, "big") + data)
    try:
        while view:
            view = view[os.write(pipe, view) :]
    except BrokenPipeError:
        pass


def numbered(event: Event, number: Callable[[int], int]) -> Event:
    """The event with the number that its step has in the run, which has nobody knows how many."""
    match event:
        case StepStarted() | StepFinished():
            return replace(event, step=number(event.step), of=0)
        case BuildProgress() | AtWork() | OutputLine() | UnfinishedLine():
            return replace(event, step=number(event.step))
        case ScreenOutput() | ImageReady():
            return replace(event, step=number(event.step))
        case Notice():
            return event if event.step is None else replace(event, step=number(event.step))
        case _:
            return event


class Reader:
    """Puts events together from what comes through a pipe."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that are complete now."""
        self._data += data
        while len(self._data) >= _SIZE:
            end = _SIZE + int.from_bytes(self._data[:_SIZE], "big")
            if len(self._data) < end:
                return
            name, fields = msgspec.msgpack.decode(bytes(self._data[_SIZE:end]))
            del self._data[:end]
            yield _event(name, fields)


def _event(name: str, fields: Mapping[str, object]) -> Event:
    kind = _KINDS[name]
    if kind is Answer:
        # What is in it is any data.
        told = fields["fields"]
        assert isinstance(told, dict)  # as it was written
        return Answer(str(fields["name"]), told)
    made: Event = from_data(fields, kind)
    return made
