"""The project's targets are built: planned, and then done.

What a plan is done with is imported while make is waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rootless_build import cli as package
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.plan_reading import read_plan
from rootless_build.model.errors import NotPlannedError

if TYPE_CHECKING:
    from rootless_build.cli.growing_recipe import GrowingRecipe
    from rootless_build.runner.journal import Run


class Execute(Protocol):
    """How a plan of targets is done (`session.execute_targets`)."""

    def __call__(
        self,
        command: Command,
        recipe: GrowingRecipe,
        run: Run,
        engine_to_come: EngineToCome,
        variables: tuple[str, ...],
        *,
        pass_status: bool,
    ) -> int: ...


def build_targets(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    run: Run,
    engine: EngineToCome,
    *,
    pass_status: bool,
) -> int:
    """Make the plan of the project's targets, run it, and return rbuild's exit status."""
    recipe, why = None, ""
    if not command.flag("live"):
        try:
            recipe = read_plan(command, targets, variables, meanwhile=_import_rest)
        except NotPlannedError as error:
            if command.flag("no_live") or command.option("on"):
                # A node has no docker's place for rbuild to be in.
                raise
            why = error.message
    if recipe is None:
        return package.live_make.execute_make(command, (targets, variables), run, engine, why)
    execute = _import_rest()
    return execute(command, recipe, run, engine, variables, pass_status=pass_status)


def _import_rest() -> Execute:
    """What does a plan."""
    from rootless_build.cli.session import execute_targets  # noqa: PLC0415 - see above

    return execute_targets
