"""What was said in a run, said again: to a person as it was, in the JSON log with its own times."""

from __future__ import annotations

import json
import sys

from rootless_build.cli.command import Command
from rootless_build.cli.views.tables import size
from rootless_build.history.lines import KeptError, LeftOut, Line
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import Level, Notice


def tell(command: Command, line: Line) -> None:
    """Say one line of a log again."""
    if command.logs_json:
        sys.stdout.write(json.dumps(line.fields) + "\n")
        return
    match line.told:
        case LeftOut(bytes=count):
            text = f"… {size(count)} of the log are not kept …"
            command.view(Notice(Level.WARNING, "left-out", text))
        case KeptError():
            command.view.error(_again(line.told))
        case event:
            command.view(event)


def _again(kept: KeptError) -> StepFailedError:
    error = StepFailedError(kept.message, last_words=kept.last_words or None)
    error.hint, error.engine_words = kept.hint, kept.engine_words
    error.where, error.seconds = kept.where, kept.seconds
    for note in (*kept.problems, *kept.notes):
        error.add_note(note)
    return error
