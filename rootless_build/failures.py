"""What is said of a step that failed: which command, how it ended, what to do next."""

from __future__ import annotations

import shlex
import signal

from rootless_build.backend import Exit
from rootless_build.errors import StepFailedError
from rootless_build.plan import HostCommand, RunContainer


def of_container(step: RunContainer, ended: Exit) -> StepFailedError:
    """A container that ended with a status other than 0, or could not be started."""
    command = shlex.join(step.command) or "the image's own command"
    hint = ""
    match ended.status:
        case 125:
            message = "the engine could not run the container"
        case 126:
            message = f"the container's command can't be executed: {command}"
        case 127:
            message = f"the container's command was not found: {command}"
            hint = "is it in the image, on PATH, or relative to the working directory?"
        case 137 if ended.out_of_memory:
            message = f"the container ran out of memory and was killed: {command}"
            hint = "give it more memory, or build with fewer jobs"
        case 137:
            message = f"the container was killed (status 137): {command}"
            hint = "it got SIGKILL; if the host was short of memory, its kernel log (dmesg) says so"
        case status if status > 128 and status - 128 in {s.value for s in signal.Signals}:
            name = signal.Signals(status - 128).name
            message = f"the container was ended by {name} (status {status}): {command}"
        case status:
            message = f"the container failed with status {status}: {command}"
    return StepFailedError(message, status=ended.status, hint=hint, engine_words=ended.engine_words)


def of_host_command(step: HostCommand, status: int) -> StepFailedError:
    """A command of the host that ended with `status`, -N after signal N."""
    how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
    return StepFailedError(f"command failed {how}: {step.script}", status=abs(status))
