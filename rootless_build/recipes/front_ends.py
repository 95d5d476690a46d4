"""Recipe front ends: a project, and the words of the command line, become a plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.model.errors import UnknownTargetError
from rootless_build.model.plan import Plan, Unexpanded
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.recipes import always, bake, containers, project_targets, rbuild_toml
from rootless_build.recipes.config import Config
from rootless_build.recipes.make import expansion
from rootless_build.recipes.make import recipe as make_recipe
from rootless_build.recipes.request import Request

if TYPE_CHECKING:
    from rootless_build.recipes.containers import Recipe

_SHELL: Final = "shell"


def is_shell(targets: Sequence[str], project: Path, config: Config) -> bool:
    """Whether these targets are a shell: `shell`, and of a bake file `shell TARGET`, elsewhere two
    targets.
    """
    if not targets or targets[0] != _SHELL:
        return False
    others = len(targets) - 1
    return not others or (others == 1 and project_targets.is_bake(project, config))


def read(request: Request, config: Config) -> Plan:
    """The plan of the request's targets: from the makefile that is named, else from rbuild.toml
    where it is a recipe, a Makefile, or a bake file, the first that is there.

    `shell`, where the recipe has no target of that name, is a shell in its container or in the
    image of the target named after it. Raises RecipeError where there is no recipe.
    """
    try:
        return _read(request, config)
    except UnknownTargetError as error:
        if error.target != _SHELL or not is_shell(request.targets, request.project, config):
            raise
        target = request.targets[1] if len(request.targets) > 1 else None
        return containers.shell(_recipe(request, config), target)


def expand(plan: Plan, step: Unexpanded, on_output: programs.OnOutput, config: Config) -> Plan:
    """The plan that `read` gave, with what the step is now in its place."""
    made, notes = expansion.expand(step, on_output)
    marked = always.mark(replace(plan, steps=made), config.targets)
    steps = containers.expand(step, marked.steps, plan)
    return make_recipe.with_expanded(plan, step, steps, notes)


def read_running(
    request: Request, config: Config, target: str | None, command: tuple[str, ...]
) -> Plan:
    """The plan that runs a command in the container, or the image, of a target.

    Raises RecipeError, and UsageError where there is nothing that it could run in.
    """
    return containers.running(_recipe(request, config), target, command)


def _recipe(request: Request, config: Config) -> Recipe:
    def read_targets(targets: tuple[str, ...]) -> Plan:
        return _read(replace(request, targets=targets), config)

    def images() -> tuple[str, ...]:
        if not project_targets.is_bake(request.project, config):
            return ()
        return bake.recipe.image_targets(request)

    return containers.Recipe(read_targets, images)


def _read(request: Request, config: Config) -> Plan:
    if project_targets.is_toml(config):
        return rbuild_toml.read(request, config)
    found = project_targets.makefile_of(request.project, config)
    if project_targets.is_bake(request.project, config):
        return bake.recipe.read(request)
    if found is None:
        raise project_targets.no_recipe(request.project, config)
    return always.mark(make_recipe.read(request, found), config.targets)
