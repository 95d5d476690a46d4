"""A project's targets, told without make; and which file its recipe is.

Apart from `front_ends`, which also makes plans of them: a shell asks on each Tab.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from rootless_build.model.errors import NoRecipeError, RecipeError, reason
from rootless_build.recipes import bake
from rootless_build.recipes.bake import names
from rootless_build.recipes.config import Config
from rootless_build.recipes.listing import ListedTarget, Listing
from rootless_build.recipes.make import makefile


def target_names(project: Path, config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The project's targets, as far as they can be told without make; none where its recipe is
    not understood.
    """
    if is_toml(config):
        return tuple(config.targets)
    found = makefile_of(project, config)
    if found is not None:
        return makefile.target_names(found)
    if not names.found(project):
        return ()
    try:
        return bake.written.target_names(project, environment)
    except RecipeError:
        return ()


def listed(project: Path, config: Config, environment: Mapping[str, str]) -> Listing:
    """The project's targets with what it says of them, as far as they can be told without make.

    Raises RecipeError.
    """
    if is_toml(config):
        assert config.file is not None  # a recipe stands in a file
        targets = (ListedTarget(name, each.description) for name, each in config.targets.items())
        return Listing(config.file.name, tuple(targets), config.default_target or "")
    found = makefile_of(project, config)
    if found is not None:
        return _listed_of_makefile(found, project, config)
    if not names.found(project):
        raise no_recipe(project, config)
    return bake.written.listed(project, environment)


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


def is_bake(project: Path, config: Config) -> bool:
    """Whether the recipe is a bake or compose file, not a Makefile or an rbuild.toml."""
    if is_toml(config) or makefile_of(project, config) is not None:
        return False
    return bool(names.found(project))


def no_recipe(project: Path, config: Config) -> NoRecipeError:
    """The error for a project that has none."""
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


def makefile_of(project: Path, config: Config) -> Path | None:
    """The makefile of the recipe, where it may be one."""
    return config.defaults.makefile or makefile.makefile_of(project)


def is_toml(config: Config) -> bool:
    """Whether rbuild.toml is the recipe: it is not where a makefile is named."""
    has_recipe = config.image is not None or config.container is not None
    return has_recipe and config.defaults.makefile is None
