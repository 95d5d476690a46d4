"""What to type after a step has failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rootless_build.cli import kept_runs
from rootless_build.cli.command import Command
from rootless_build.model.errors import ImageBuildError, StepFailedError
from rootless_build.model.plan import Plan, RunContainer, Step
from rootless_build.model.secret_names import without_values
from rootless_build.model.text import shell_joined

_ONE: Final = (
    ("directory", "-C"),
    ("makefile", "--makefile"),
    ("backend", "--backend"),
    ("image", "--image"),
    ("network", "--network"),
    ("bundles_dir", "--bundles-dir"),
    ("docker_socket", "--docker-socket"),
)
_SEVERAL: Final = (
    ("files", "-f"),
    ("build_contexts", "--build-context"),
    ("build_args", "--build-arg"),
    ("secrets", "--secret"),
    ("env", "--env"),
    ("secret_env", "--secret-env"),
    ("cache_volumes", "--cache-volume"),
)
_FLAGS: Final = (
    ("no_pull", "--no-pull"),
    ("fresh", "--fresh"),
    ("rootful", "--rootful"),
    ("allow_inexact", "--allow-inexact"),
    ("unprivileged", "--unprivileged"),
)
"""Attributes of Command and their options: those without which the image, the container or the
engine would be others."""
_NOT_MADE: Final = 125
"""The status of a container that the engine could not make."""
_NOT_STARTED: Final = frozenset({126, 127})
"""Statuses of a container whose command is no program, or is not there."""


def complete(
    error: StepFailedError,
    command: Command,
    plan: Plan,
    variables: tuple[str, ...],
    *,
    pass_status: bool,
) -> None:
    """Say what to type next, or that the container's status is rbuild's own (`pass_status`).

    `variables` are the NAME=VALUE words that the plan was read with.
    """
    step = plan.steps[error.step - 1] if error.step else None
    if pass_status and isinstance(step, RunContainer) and error.status is not None:
        error.exit_code, error.passed_on = error.status, True
        return
    has_hint = bool(error.hint)
    if not has_hint:
        error.hint = _hint(error, command, plan, step, variables)
    if kept_runs.is_kept(command) and _can_be_entered(error, step):
        directory = command.option("directory")
        there = shell_joined(("rbuild", *(("-C", directory) if directory else ()), "debug"))
        error.hint = "\n".join(filter(None, (f"a shell where it failed: {there}", error.hint)))
    elif isinstance(step, RunContainer) and error.status in _NOT_STARTED and has_hint:
        look = _look_around(command, plan, step, variables)
        error.hint = "\n".join(filter(None, (error.hint, look)))


def _can_be_entered(error: StepFailedError, step: Step | None) -> bool:
    """Whether `rbuild debug` has a place to go to: that of a RUN, or of a container."""
    if isinstance(error, ImageBuildError):
        return error.failed is not None and error.failed.status is not None
    # What the engine could not even make, it could not make for a shell either.
    is_made = error.status is not None and not (error.status == _NOT_MADE and error.engine_words)
    return isinstance(step, RunContainer) and is_made and bool(error.image)


def _hint(
    error: StepFailedError,
    command: Command,
    plan: Plan,
    step: Step | None,
    variables: tuple[str, ...],
) -> str:
    again = f"when that is mended: {shell_joined(('rbuild', *without_values(command.words)))}"
    if isinstance(error, ImageBuildError):
        if error.failed is None or command.flag("no_cache"):
            return again
        return f"{again}   # what stands before it comes from the cache"
    if isinstance(step, RunContainer) and not error.engine_words:
        return _look_around(command, plan, step, variables) or again
    # What the host has not, or can't do, is told by what can be done about it.
    return again if error.exit_code == StepFailedError.exit_code else ""


def _look_around(
    command: Command, plan: Plan, step: RunContainer, variables: tuple[str, ...]
) -> str:
    """How a shell is had in a container such as the step's; empty where none is like it."""
    named = _same_container(command, plan, step)
    if named is None:
        return ""
    words = ("rbuild", *_options(command), *variables, "run", *named, "--", "sh")
    return f"to look around in such a container: {shell_joined(without_values(words))}"


def _options(command: Command) -> Iterator[str]:
    for name, option in _ONE:
        value = command.option(name)
        if value:
            yield from (option, value)
    for name, option in _SEVERAL:
        for value in command.values(name):
            yield from (option, value)
    yield from (option for name, option in _FLAGS if command.flag(name))


def _same_container(command: Command, plan: Plan, step: RunContainer) -> tuple[str, ...] | None:
    """What `rbuild run` has to be told to start a container such as the step's; None where it
    would start another: it is the last one of a target's plan.
    """
    if step is not [each for each in plan.steps if isinstance(each, RunContainer)][-1]:
        return None
    if len(plan.targets) == 1:
        return ("--target", *plan.targets)
    origin = step.origin
    if origin is not None and origin.target and origin.file == plan.recipe:
        return ("--target", origin.target)
    # Without a target it is that of `shell`, where there is one.
    config = command.config
    has_one = not plan.targets and config.file is not None and config.file.name == plan.recipe
    return () if has_one and "shell" not in config.targets else None
