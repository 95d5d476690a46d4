"""What is said of a step that failed: which command, how it ended, what to do next."""

from __future__ import annotations

import re
import shlex
import signal
from typing import Final

from rootless_build.backend.api import Exit
from rootless_build.host import symptoms
from rootless_build.images.bases import substitutes
from rootless_build.images.containerfile import file
from rootless_build.model.errors import (
    FailedInstruction,
    ImageBuildError,
    ImageNotFoundError,
    RbuildError,
    RecipeError,
    StepFailedError,
)
from rootless_build.model.plan import BuildImage, HostCommand, RunContainer, Step
from rootless_build.model.structs import replace

_LONGEST: Final = 200
"""Characters of a command, or of a line it wrote, in a message."""
_SIGNALS: Final = {number.value: number.name for number in signal.Signals}
_TELLING_SIGNALS: Final = frozenset(
    {
        *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGILL, signal.SIGTRAP),
        *(signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV),
        *(signal.SIGPIPE, signal.SIGTERM, signal.SIGSYS),
    }
)
"""Of the others a script has the status rather by its own choice: 142 is bash's for `read -t`."""
_MEMORY: Final = "if the host was short of memory, its kernel log (dmesg) says so"
_TELLING: Final = re.compile(
    r"not found|no such file|permission denied|can(?:'t|not) execute|exec format", re.IGNORECASE
)


def check_containerfile(step: BuildImage) -> None:
    """Raises RecipeError where there is nothing to build: engines name directories of their own."""
    if step.containerfile_text is not None:
        return
    path = step.containerfile or step.context
    wrong = file.problem(path) if step.containerfile else file.absence(path)
    if wrong is not None:
        raise RecipeError(f"{path}: {wrong[0]}", hint=wrong[1])


def of_container(step: RunContainer, ended: Exit, last_words: str = "") -> StepFailedError:
    """A container that ended with a status other than 0, or whose command could not be started.

    `last_words` is what it wrote last. A script's own 125, 126 or 127 is told from the engine's
    by `Exit.engine_words`.
    """
    command = _short(shlex.join(step.command)) or "the image's own command"
    status = ended.status
    failed = f"{command} failed with status {status}"
    hint = ""
    if ended.engine_words and status in _NOT_STARTED:
        message, hint = _NOT_STARTED[status]
        message = message.format(command)
    elif status in _INSIDE:
        last = _telling(last_words)
        message = f"{failed}: {_INSIDE[status]}" + (f"; its last words: {last}" if last else "")
    elif ended.out_of_memory:
        message = f"{command} ran out of memory and was killed (status {status})"
        hint = "give it more memory, or build with fewer jobs"
    elif status - 128 in _TELLING_SIGNALS:
        name = _SIGNALS[status - 128]
        message = f"{failed}: {_ended_by(name)}"
        hint = _MEMORY if name == "SIGKILL" else ""
    else:
        message = failed
    return StepFailedError(
        message,
        status=status,
        hint=hint,
        engine_words=ended.engine_words,
        last_words=last_words or None,
    )


_NOT_STARTED: Final = {
    125: ("the engine could not run {}", ""),
    126: (
        "{} can't be executed in the image",
        "is it a file that may be executed (chmod +x), with a #! line if it is a script?",
    ),
    127: (
        "{} was not found in the image",
        "is it in the image, on PATH, or relative to the working directory?",
    ),
}
_INSIDE: Final = {
    126: "something it calls can't be executed",
    127: "it, or something it calls, was not found",
}


def of_host_command(step: HostCommand, status: int, last_words: str = "") -> StepFailedError:
    """A command of the host that ended with `status`, -N after signal N."""
    how = f"failed with status {status}"
    if status < 0:
        how = f"was ended by {signal_name(-status)}"
    message = f"{_short(step.script)} {how}, on this host"
    hint = "it is a command of this host, as with make: is it installed?" if status == 127 else ""
    return StepFailedError(message, status=abs(status), hint=hint, last_words=last_words or None)


def _say_how(error: ImageBuildError, failed: FailedInstruction) -> None:
    """Say what the status of a RUN stands for, where it stands for something."""
    status = failed.status
    if status is None or failed.why:
        return
    if status in _INSIDE:
        error.at(replace(failed, why=f": {_INSIDE[status]}"))
    elif status - 128 in _TELLING_SIGNALS:
        name = _SIGNALS[status - 128]
        error.at(replace(failed, why=f": {_ended_by(name)}"))
        if name == "SIGKILL":
            error.hint = error.hint or _MEMORY


def _ended_by(name: str) -> str:
    return f"it, or something it calls, was ended by {name}"


def signal_name(number: int) -> str:
    """`SIGKILL`; most real-time signals have no name."""
    return _SIGNALS.get(number, f"signal {number}")


def _of_command(error: RbuildError) -> bool:
    """Whether a failure is the command's own failure, of which the engine has nothing to say."""
    own = isinstance(error, StepFailedError) and error.status is not None
    return own and not error.engine_words


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _telling(words: str) -> str:
    """The last line that says what is missing; else the last of all."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = (line for line in reversed(lines) if _TELLING.search(line))
    return _short(next(told, lines[-1] if lines else ""))


def complete(error: RbuildError, step: Step, title: str, place: str, seconds: float) -> None:
    """Say at which step it was (`place`: `step 2 of 3`), how long that took, and what helps."""
    error.seconds = seconds
    if isinstance(error, ImageBuildError) and error.failed is not None:
        _say_how(error, error.failed)
    if not error.where:
        # What the message has said is not said again.
        command = title.partition(" ")[2] if isinstance(step, RunContainer) else title
        told = _short(command) in error.message
        where = place if told else f"{place}: {title}"
        error.where = f"{where} ({step.origin})" if step.origin else where
    if isinstance(error, ImageNotFoundError) and not error.hint:
        error.hint = substitutes.how_to_get(error.reference)
    if not error.hint and not _of_command(error):
        error.hint = symptoms.hint(f"{error.message}\n{error.engine_words}")
