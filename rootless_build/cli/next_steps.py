"""What to type after a step has failed."""

from __future__ import annotations

import shlex

from rootless_build.cli.command import Command
from rootless_build.errors import ImageBuildError, StepFailedError
from rootless_build.plan import Plan, RunContainer, Step


def complete(error: StepFailedError, command: Command, plan: Plan, *, pass_status: bool) -> None:
    """Say what to type next, or that the container's status is rbuild's own (`pass_status`)."""
    step = plan.steps[error.step - 1] if error.step else None
    if pass_status and isinstance(step, RunContainer) and error.status is not None:
        error.exit_code, error.passed_on = error.status, True
    elif not error.hint:
        error.hint = _hint(error, command, step)


def _hint(error: StepFailedError, command: Command, step: Step | None) -> str:
    again = shlex.join(("rbuild", *command.words))
    if isinstance(error, ImageBuildError):
        if error.failed is None or command.flag("no_cache"):
            return ""
        return f"when that is mended: {again}   # what stands before it comes from the cache"
    if isinstance(step, RunContainer) and not error.engine_words:
        directory = command.option("directory")
        project = ("-C", directory) if directory else ()
        named = command.option("makefile")
        makefile = ("--makefile", named) if named else ()
        look = shlex.join(("rbuild", *project, *makefile, "run", "--", "sh"))
        return f"to look around in such a container: {look}"
    return ""
