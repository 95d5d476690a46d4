"""Plans for commands that only look: what the project runs meanwhile does nothing to this host."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rootless_build import cli as package
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.cli.plan_reading import read_plan, read_running
from rootless_build.model.errors import NotPlannedError, RecipeError
from rootless_build.model.plan import Plan
from rootless_build.model.structs import replace
from rootless_build.process.sandbox.running import Sandbox

_ALLOW: Final = "--no-sandbox lets it, as a build does"


class Looked(Struct, frozen=True):
    """A plan, and why a build may have another one; empty where nothing was denied."""

    plan: Plan
    doubt: str = ""


def look(command: Command, targets: tuple[str, ...], variables: tuple[str, ...]) -> Looked:
    """The project's plan for these targets; where make has to be run, what it did the last time."""
    why = ""
    if not command.flag("live"):
        try:
            return _read_safely(
                command, variables, lambda by: read_plan(command, targets, variables, by)
            )
        except NotPlannedError as error:
            if command.flag("no_live"):
                raise
            why = _reason(error)
    return Looked(*package.live_make.last_plan(command, (targets, variables), why))


def _reason(error: NotPlannedError) -> str:
    """What keeps a recipe from being planned, with the line."""
    line = " ".join(error.engine_words.split())
    return "; ".join(filter(None, (f"{error.message}: {line}".removesuffix(": "), error.tried)))


def look_running(
    command: Command, target: str | None, words: tuple[str, ...], variables: tuple[str, ...]
) -> Looked:
    """The plan that runs a command in the container, or the image, of a target."""
    return _read_safely(
        command, variables, lambda by: read_running(command, target, words, variables, by)
    )


def _read_safely(
    command: Command, variables: tuple[str, ...], read: Callable[[Sandbox | None], GrowingRecipe]
) -> Looked:
    if command.flag("no_sandbox"):
        return Looked(read(None).plan)
    by = Sandbox(command.project, dict(os.environ), pairs(variables, "variable"))
    try:
        plan = read(by).plan
    except RecipeError as error:
        if by.denials:
            if isinstance(error, NotPlannedError):
                error.tried = _doubt(by)
            error.hint = "\n".join(filter(None, (f"{_doubt(by)}. {_ALLOW}", error.hint)))
        raise
    if by.problem:
        said = (
            f"what the project runs can do anything: no sandbox here ({by.problem}; rbuild doctor)"
        )
        return Looked(replace(plan, notes=(*plan.notes, said)))
    if not by.denials:
        return Looked(plan)
    return Looked(plan, f"nobody can tell: {_doubt(by)}; a build may have other steps. {_ALLOW}")


def _doubt(by: Sandbox) -> str:
    return f"while the recipe was read, {'; '.join(by.denials)}"
