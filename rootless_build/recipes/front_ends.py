"""Recipe front ends: a project, and the words of the command line, become a plan."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.model.errors import (
    NoRecipeError,
    RecipeError,
    UnknownTargetError,
    reason,
)
from rootless_build.model.plan import Plan, Unexpanded
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.recipes import always, bake, containers, rbuild_toml
from rootless_build.recipes.bake import names
from rootless_build.recipes.config import Config
from rootless_build.recipes.listing import ListedTarget, Listing
from rootless_build.recipes.make import expansion, makefile
from rootless_build.recipes.make import recipe as make_recipe
from rootless_build.recipes.request import Request

if TYPE_CHECKING:
    from rootless_build.recipes.containers import Recipe

_SHELL: Final = "shell"


def target_names(project: Path, config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The project's targets, as far as they can be told without make; none where its recipe is
    not understood.
    """
    if _is_toml(config):
        return tuple(config.targets)
    found = _makefile(project, config)
    if found is not None:
        return makefile.target_names(found)
    if not names.found(project):
        return ()
    try:
        return bake.recipe.target_names(project, environment)
    except RecipeError:
        return ()


def listed(project: Path, config: Config, environment: Mapping[str, str]) -> Listing:
    """The project's targets with what it says of them, as far as they can be told without make.

    Raises RecipeError.
    """
    if _is_toml(config):
        assert config.file is not None  # a recipe stands in a file
        targets = (ListedTarget(name, each.description) for name, each in config.targets.items())
        return Listing(config.file.name, tuple(targets), config.default_target or "")
    found = _makefile(project, config)
    if found is not None:
        return _listed_of_makefile(found, project, config)
    if not names.found(project):
        raise _no_recipe(project, config)
    return bake.recipe.listed(project, environment)


def _listed_of_makefile(found: Path, project: Path, config: Config) -> Listing:
    """rbuild.toml may describe them in other words, and those that make has of elsewhere too."""
    own = {name: each.description for name, each in config.targets.items() if each.description}
    try:
        described = {**makefile.described_targets(found), **own}
        default, elsewhere = makefile.default_target(found), makefile.included(found)
    except OSError as error:
        raise RecipeError(f"{found} can't be read: {reason(error)}") from error
    targets = (ListedTarget(name, said) for name, said in described.items())
    return Listing(makefile.name_of(found, project), tuple(targets), default, elsewhere)


def is_shell(targets: Sequence[str], project: Path, config: Config) -> bool:
    """Whether these targets are a shell: `shell`, and of a bake file `shell TARGET`, elsewhere two
    targets.
    """
    if not targets or targets[0] != _SHELL:
        return False
    others = len(targets) - 1
    return not others or (others == 1 and _is_bake(project, config))


def _is_bake(project: Path, config: Config) -> bool:
    """Whether the recipe is a bake or compose file, not a Makefile or an rbuild.toml."""
    if _is_toml(config) or _makefile(project, config) is not None:
        return False
    return bool(names.found(project))


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
        if not _is_bake(request.project, config):
            return ()
        return bake.recipe.image_targets(request)

    return containers.Recipe(read_targets, images)


def _read(request: Request, config: Config) -> Plan:
    if _is_toml(config):
        return rbuild_toml.read(request, config)
    found = _makefile(request.project, config)
    if _is_bake(request.project, config):
        return bake.recipe.read(request)
    if found is None:
        raise _no_recipe(request.project, config)
    return always.mark(make_recipe.read(request, found), config.targets)


def _no_recipe(project: Path, config: Config) -> NoRecipeError:
    return NoRecipeError(
        f"{project} has neither a Makefile nor an rbuild.toml with a recipe, and no bake file",
        hint="go to the project's own directory, or name it: rbuild -C DIR"
        + _other_makefile(project)
        + "\na script that calls docker: rbuild exec -- ./SCRIPT"
        "\na containerfile alone: rbuild exec -- docker build -t NAME ."
        + ("\nthe rbuild.toml here has neither [image] nor [container]" if config.file else ""),
    )


def _other_makefile(project: Path) -> str:
    """How to name a makefile that make does not read by itself, where there is one."""
    for pattern in ("Makefile.*", "*.Makefile", "*.mk"):
        for file in sorted(project.glob(pattern)):
            return f"\nor a makefile of another name: rbuild --makefile {shlex.quote(file.name)}"
    return ""


def _makefile(project: Path, config: Config) -> Path | None:
    return config.defaults.makefile or makefile.makefile_of(project)


def _is_toml(config: Config) -> bool:
    """Whether rbuild.toml is the recipe: it is not where a makefile is named."""
    has_recipe = config.image is not None or config.container is not None
    return has_recipe and config.defaults.makefile is None
