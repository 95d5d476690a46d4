"""The project's recipe and the words of the command line become a plan."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.cli.overrides import check_containerfiles, override
from rootless_build.model.errors import NotPlannedError, UsageError
from rootless_build.model.structs import replace
from rootless_build.recipes import front_ends
from rootless_build.recipes.make.named_file import problem
from rootless_build.recipes.request import Request

if TYPE_CHECKING:
    from rootless_build.process.sandbox.running import Sandbox


def read_plan(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> GrowingRecipe:
    """The project's plan for these targets, with the command line's overrides in it."""
    request = replace(_request(command, targets, variables, looking), meanwhile=meanwhile)
    recipe = front_ends.read(request, command.config)
    return GrowingRecipe(command.config, recipe, lambda plan: override(command, plan))


def read_running(
    command: Command,
    target: str | None,
    words: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None = None,
) -> GrowingRecipe:
    """The plan that runs a command in the container, or the image, of a target, with
    the command line's overrides in it.
    """
    request = _request(command, (), variables, looking)
    recipe = front_ends.read_running(request, command.config, target, words)
    return GrowingRecipe(command.config, recipe, lambda plan: override(command, plan))


def planned(read: Callable[[], GrowingRecipe], hint: str) -> GrowingRecipe:
    """The plan that a command needs, which has a live run for none of it: `hint` is what is to be
    done instead. Raises NotPlannedError with that.
    """
    try:
        return read()
    except NotPlannedError as error:
        error.hint = "\n".join(filter(None, (f"it runs live alone; {hint}", error.hint)))
        raise


def _request(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None,
) -> Request:
    # Who means make's own -f reads of it, before of targets that are not there.
    check_containerfiles(command)
    if command.config.defaults.makefile is not None:
        _check_makefile(command, command.config.defaults.makefile)
    return Request(
        project=command.project,
        targets=targets,
        variables=pairs(variables, "variable"),
        environment=dict(os.environ),
        terminal=os.isatty(0),
        looking=looking,
    )


def _check_makefile(command: Command, file: Path) -> None:
    wrong = problem(file)
    if wrong is None:
        return
    named = command.option("makefile")
    if named:
        raise UsageError(f"--makefile {named}: {wrong[0]}", hint=wrong[1])
    raise command.config_error(("defaults", "makefile"), f"{file}: {wrong[0]}", wrong[1])
