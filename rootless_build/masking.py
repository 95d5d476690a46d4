"""Takes secret values out of what a run says, before anybody reads it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rootless_build.errors import RbuildError, StepFailedError
from rootless_build.events import (
    BuildProgress,
    Emit,
    Event,
    Notice,
    OutputLine,
    ScreenOutput,
    StepStarted,
)
from rootless_build.plan import BuildImage, Plan, RunContainer

_MASK: Final = "***"
_SHORTEST: Final = 4
"""Characters; what is shorter stands in everything."""
_LARGEST: Final = 64 * 1024


class Mask:
    """Replaces each of the values, and each line of those that have several."""

    def __init__(self, values: Iterable[str]) -> None:
        lines = {part.strip() for value in values for part in (value, *value.splitlines())}
        # The longest first: one may be part of another.
        self._values = sorted(
            (line for line in lines if len(line) >= _SHORTEST), key=len, reverse=True
        )
        self._bytes = [os.fsencode(value) for value in self._values]
        self._held = b""

    def emitting(self, emit: Emit) -> Emit:
        """What hands events on to `emit`, masked."""
        if not self._values:
            return emit
        return lambda event: emit(self._event(event))

    def text(self, text: str) -> str:
        """The text without them."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return text

    def error(self, error: RbuildError) -> None:
        """Take them out of what an error says."""
        error.message = self.text(error.message)
        error.engine_words = self.text(error.engine_words)
        error.hint = self.text(error.hint)
        error.where = self.text(error.where)
        if isinstance(error, StepFailedError) and error.last_words:
            error.last_words = self.text(error.last_words)

    def _event(self, event: Event) -> Event:
        match event:
            case OutputLine():
                return dataclasses.replace(event, data=self._masked(event.data))
            case ScreenOutput():
                return dataclasses.replace(event, data=self._screen(event.data))
            case BuildProgress():
                return dataclasses.replace(event, instruction=self.text(event.instruction))
            case Notice():
                return dataclasses.replace(event, text=self.text(event.text))
            case StepStarted():
                return dataclasses.replace(event, title=self.text(event.title))
            case _:
                return event

    def _masked(self, data: bytes) -> bytes:
        for value in self._bytes:
            data = data.replace(value, _MASK.encode())
        return data

    def _screen(self, data: bytes) -> bytes:
        """A piece of what a terminal shows, with what was held back of the piece before.

        What it ends with and a value begins with is held back, until more comes or nothing does:
        a prompt that ends so is shown a moment later.
        """
        text = self._masked(self._held + data)
        held = 0
        if data:
            held = max(_beginning(text, value) for value in self._bytes)
        cut = len(text) - held
        self._held = text[cut:]
        return text[:cut]


def _beginning(text: bytes, value: bytes) -> int:
    """How many bytes at the end of `text` are the beginning of `value`."""
    for size in range(min(len(text), len(value) - 1), 0, -1):
        if text.endswith(value[:size]):
            return size
    return 0


def mask_for(plan: Plan) -> Mask:
    """What hides the secrets that a plan gives to containers and image builds."""
    values: list[str] = []
    for step in plan.steps:
        if isinstance(step, RunContainer):
            values += [v for n, v in step.environment if n in step.secret_environment]
        elif isinstance(step, BuildImage):
            for secret in step.secrets:
                values += _value(secret)
    return Mask(values)


def _value(secret: str) -> list[str]:
    fields = dict(part.partition("=")[::2] for part in secret.split(","))
    if "env" in fields:
        return [os.environ.get(fields["env"], "")]
    source = fields.get("src") or fields.get("source")
    if source is None:
        return [os.environ.get(fields.get("id", ""), "")]
    try:
        with Path(source).open(errors="replace") as file:
            return [file.read(_LARGEST)]
    except OSError:
        return []
