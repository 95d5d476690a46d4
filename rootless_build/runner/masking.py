"""Takes secret values out of what a run says, before anybody reads it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import AnyStr, Final, assert_never

from rootless_build.files.secret_values import secret_value
from rootless_build.model import build_secrets
from rootless_build.model.errors import (
    BundlesError,
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.model.events import (
    Answer,
    AtWork,
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BundlesPublished,
    Emit,
    Event,
    ImageReady,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.plan import BuildImage, Plan, RunContainer, Step
from rootless_build.model.structs import replace
from rootless_build.model.text import shown

_MASK: Final = "***"
_SHORTEST: Final = 4
"""Characters; what is shorter stands in everything."""


class Mask:
    """Replaces each of the values, and each line of those that have several; also as a shell, JSON
    or Python writes it in quotes.

    Values that overlap are replaced together, so that what is left shows none of them.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: dict[str, None] = {}
        self._bytes = _Values()
        self._learn(values)

    def learn(self, step: Step) -> None:
        """Hide the secrets that a step gives to a container or an image build, from now on.

        To be told again when the step begins: one before it may have written a secret's file.
        """
        if isinstance(step, RunContainer):
            self._learn(v for n, v in step.environment if n in step.secret_environment)
        elif isinstance(step, BuildImage) and step.secrets:
            for words in step.secrets:
                try:
                    secret = build_secrets.parse(words, Path.cwd(), os.environ)
                except build_secrets.BadSecretError:
                    continue  # no engine takes it either
                self._learn((secret_value(secret),))

    def learn_named(self, variables: Iterable[str], secrets: Iterable[str]) -> None:
        """Hide what `--secret-env` and `--secret` name, as far as it can be had: the rest is told
        where it is read.
        """
        self._learn(os.environ[name] for name in variables if name in os.environ)
        for words in secrets:
            try:
                secret = build_secrets.parse(words, Path.cwd(), os.environ)
                self._learn((secret_value(secret),))
            except (build_secrets.BadSecretError, OSError, ValueError):
                continue

    def _learn(self, values: Iterable[str]) -> None:
        parts = {part.strip() for value in values for part in (value, *value.splitlines())}
        for form in sorted({form for part in parts for form in _forms(part)}):
            if len(form) >= _SHORTEST and form not in self._values:
                encoded = os.fsencode(form)
                self._bytes.add(encoded)
                # Engines' words have been decoded by somebody.
                self._values |= dict.fromkeys((form, encoded.decode(errors="replace")))

    def emitting(self, emit: Emit) -> Emit:
        """What hands events on to `emit`, masked; output is masked where it is cut (`stream`)."""
        return lambda event: emit(self.event(event))

    def stream(self) -> StreamMask:
        """What masks one stream of output."""
        return StreamMask(self._bytes)

    def text(self, text: str) -> str:
        """The text without them."""
        shown, start = [], 0
        for begin, end in _covered(text, self._values):
            shown += [text[start:begin], _MASK]
            start = end
        return "".join((*shown, text[start:]))

    def data(self, value: object) -> object:
        """Data without them: strings, paths, and what holds such."""
        match value:
            case str() if type(value) is str:
                return self.text(value)
            case Path():
                return Path(self.text(str(value)))
            case Mapping():
                return {name: self.data(inner) for name, inner in value.items()}
            case list():
                return [self.data(inner) for inner in value]
            case tuple() if type(value) is tuple:
                return tuple(map(self.data, value))
            case _:
                return value

    def error(self, error: BaseException) -> None:
        """Take them out of all that an error says."""
        error.args = tuple(self.text(a) if isinstance(a, str) else a for a in error.args)
        notes = getattr(error, "__notes__", None)
        if notes:
            error.__notes__ = [self.text(note) for note in notes]
        if isinstance(error, RbuildError):
            error.message = self.text(error.message)
            error.engine_words = self.text(error.engine_words)
            error.hint = self.text(error.hint)
            error.where = self.text(error.where)
            error.log, error.log_file = self.text(error.log), self.text(error.log_file)
        if isinstance(error, StepFailedError) and error.last_words:
            error.last_words = self.text(error.last_words)
        if isinstance(error, ImageBuildError) and error.failed is not None:
            failed = error.failed
            error.failed = replace(failed, text=self.text(failed.text), why=self.text(failed.why))
        if isinstance(error, BundlesError):
            error.problems = tuple(map(self.text, error.problems))

    def event(self, event: Event) -> Event:
        """The event without them, whatever it tells; output has gone through `stream`."""
        text = self.text
        match event:
            case BackendChosen():
                version, reason = text(event.version), text(event.reason)
                event = replace(event, version=version, reason=reason)
            case BuildProgress():
                stage = text(event.stage) if event.stage else event.stage
                instruction = text(event.instruction)
                event = replace(event, instruction=instruction, stage=stage)
            case AtWork():
                stage = text(event.stage) if event.stage else event.stage
                instruction, name = text(event.instruction), text(event.name)
                event = replace(event, instruction=instruction, stage=stage, name=name)
            case Notice():
                event = replace(event, text=text(event.text))
            case StepStarted():
                event = replace(event, title=text(event.title), name=text(event.name))
            case BundlesPublished():
                directory, files = Path(text(str(event.directory))), map(text, event.files)
                event = replace(event, files=tuple(files), directory=directory)
            case ImageReady():
                event = replace(event, names=tuple(map(text, event.names)))
            case Answer():
                fields = {name: self.data(value) for name, value in event.fields.items()}
                event = replace(event, fields=fields)
            case (
                OutputLine() | UnfinishedLine() | ScreenOutput() | StepFinished() | BuildFinished()
            ):
                pass
            case _:
                assert_never(event)
        return event


class _Values:
    """Values as bytes, and by how they begin: secrets may have many lines, and output has more."""

    def __init__(self) -> None:
        self.all: list[bytes] = []
        self._longest = 0
        self._by_beginning: dict[bytes, list[bytes]] = {}

    def add(self, value: bytes) -> None:
        """Add a value that is not there yet."""
        self.all.append(value)
        self._longest = max(self._longest, len(value))
        for size in range(1, _SHORTEST + 1):
            self._by_beginning.setdefault(value[:size], []).append(value)

    def begun_at_end(self, text: bytes) -> int:
        """How many bytes at the end of the text a value begins with, but does not end with."""
        for at in range(max(len(text) - self._longest + 1, 0), len(text)):
            size = len(text) - at
            for value in self._by_beginning.get(text[at : at + _SHORTEST], ()):
                if len(value) > size and value.startswith(text[at:]):
                    return size
        return 0


class StreamMask:
    """Masks a stream that comes in pieces, wherever it was cut.

    What may be the beginning of a value is held back until more comes or is asked for. It is kept
    even when it was shown: of a value that goes on after a pause, the rest is masked.
    """

    def __init__(self, values: _Values) -> None:
        self._values = values
        self._kept = b""
        """The end of what has come: what may be the beginning of a value."""
        self._done = 0
        """How many bytes of it were handed on, as they are or masked."""
        self._masked = False
        """Whether the last byte that was handed on was masked."""

    def __call__(self, data: bytes, *, show_all: bool) -> bytes:
        """The next piece as it may be shown; with `show_all` nothing is held back."""
        if not self._values.all:
            return data
        text = self._kept + data
        open_from = len(text) - self._values.begun_at_end(text)
        until = len(text) if show_all else open_from
        shown, at, masked = [], self._done, self._masked
        for begin, end in _covered(text, self._values.all):
            if end <= at:
                continue
            if begin >= until:
                break
            if begin >= at or not masked:
                # Where it began in what was shown already, the rest is hidden.
                shown += [text[at : max(begin, at)], _MASK.encode()]
            at, masked = end, True
        if at < until:
            shown.append(text[at:until])
            at, masked = until, False
        self._kept, self._done, self._masked = text[open_from:], max(at - open_from, 0), masked
        return b"".join(shown)


def _forms(value: str) -> Iterator[str]:
    """The value as it is, and between quotes: of a shell, bash's own (`set -x`), JSON, Python."""
    yield value
    if len(value) < _SHORTEST:
        return
    quoted = value.replace("'", "'\\''")
    for form in (shlex.quote(value), quoted, json.dumps(value)[1:-1], repr(value)[1:-1]):
        yield form.removeprefix("'").removesuffix("'") if form.startswith("'") else form
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield shown(value)


def mask_for(plan: Plan) -> Mask:
    """What hides the secrets that a plan gives to containers and image builds."""
    mask = Mask()
    for step in plan.steps:
        mask.learn(step)
    return mask


def _covered(text: AnyStr, values: Iterable[AnyStr]) -> Iterator[tuple[int, int]]:
    """Where values are in a text, in order; those that overlap are one."""
    held = [value for value in values if value in text]
    found = sorted(place for value in held for place in _places(text, value))
    begin = end = -1
    for first, last in found:
        if first >= end:
            if end >= 0:
                yield begin, end
            begin = first
        end = max(end, last)
    if end >= 0:
        yield begin, end


def _places(text: AnyStr, value: AnyStr) -> Iterator[tuple[int, int]]:
    at = text.find(value)
    while at >= 0:
        yield at, at + len(value)
        at = text.find(value, at + 1)
