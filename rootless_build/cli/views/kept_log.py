"""What was said in a run, said again: to a person as it was, in the JSON log with its own times."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator

from rootless_build.cli.command import Command
from rootless_build.cli.views.tables import size
from rootless_build.history.lines import KeptError, LeftOut, Line
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import Event, Level, Notice, OutputLine, ScreenOutput


class Teller:
    """Says the lines of a log again."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._screen = Screen() if os.isatty(1) else None

    def tell(self, line: Line) -> None:
        """Say one line."""
        command = self._command
        if command.logs_json:
            sys.stdout.write(json.dumps(line.fields) + "\n")
            return
        match line.told:
            case LeftOut(bytes=count):
                text = f"… {size(count)} of the log are not kept …"
                self._show(Notice(Level.WARNING, "left-out", text))
            case KeptError():
                self.end()
                command.view.error(_again(line.told))
            case event:
                self._show(event)

    def end(self) -> None:
        """Say what is left of a line that did not end."""
        for event in self._screen.end() if self._screen else ():
            self._command.view(event)

    def _show(self, event: Event) -> None:
        for each in self._screen.lines(event) if self._screen else (event,):
            self._command.view(each)


class Screen:
    """What containers wrote to a terminal, as lines: a terminal answers what it is asked in such
    output, and the answers would be typed into the shell of whoever reads it.
    """

    def __init__(self) -> None:
        self._step = 0
        self._begun = b""

    def lines(self, event: Event) -> Iterator[Event]:
        """The event, or the lines that end with it."""
        if not isinstance(event, ScreenOutput):
            yield from self.end()
            yield event
            return
        if event.step != self._step:
            yield from self.end()
        self._step = event.step
        *whole, self._begun = (self._begun + event.data).split(b"\n")
        yield from (OutputLine(self._step, "stdout", line + b"\n") for line in whole)

    def end(self) -> Iterator[Event]:
        """What is left of a line that did not end."""
        if self._begun:
            line, self._begun = self._begun, b""
            yield OutputLine(self._step, "stdout", line)


def _again(kept: KeptError) -> StepFailedError:
    error = StepFailedError(kept.message, last_words=kept.last_words or None)
    error.hint, error.engine_words = kept.hint, kept.engine_words
    error.where, error.seconds = kept.where, kept.seconds
    for note in (*kept.problems, *kept.notes):
        error.add_note(note)
    return error
