"""Cures that need no root, applied for `rbuild doctor --fix`."""

from __future__ import annotations

from typing import assert_never

from rootless_build.host.finding import NewFile, Run
from rootless_build.model.errors import UsageError
from rootless_build.process.programs import capture

_PATIENCE = 10.0
"""Seconds a cure has."""


def apply(action: NewFile | Run) -> None:
    """Apply a cure. Raises UsageError where it can't; a file that exists is never replaced."""
    match action:
        case NewFile():
            _write(action)
        case Run():
            done = capture(action.argv, timeout=_PATIENCE)
            if done.status:
                raise UsageError(f"{action.command}: status {done.status}", engine_words=done.words)
        case _:
            assert_never(action)


def _write(file: NewFile) -> None:
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        with file.path.open("x") as new:
            new.write(file.content)
    except FileExistsError as error:
        raise UsageError(f"{file.path} exists already", hint="correct it by hand") from error
    except OSError as error:
        raise UsageError(f"{file.path}: {error.strerror}") from error
