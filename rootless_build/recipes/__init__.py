"""Recipe front ends: a project, and the words of the command line, become a plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rootless_build.config import Config
from rootless_build.errors import NoRecipeError, RecipeError
from rootless_build.plan import Plan
from rootless_build.recipes import always, make_run, makefile, toml
from rootless_build.recipes.bake import names
from rootless_build.recipes.request import Request


def target_names(project: Path, config: Config, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The project's targets, as far as they can be told without make; none where its recipe is
    not understood.
    """
    if config.image is not None or config.container is not None:
        return tuple(config.targets)
    found = make_run.makefile_of(project)
    if found is not None:
        return make_run.target_names(found)
    if not names.found(project):
        return ()
    # As below.
    from rootless_build.recipes.bake import recipe  # noqa: PLC0415

    try:
        return recipe.target_names(project, environment)
    except RecipeError:
        return ()


def read(request: Request, config: Config) -> Plan:
    """The plan of the request's targets: from rbuild.toml where it is a recipe, a Makefile, or a
    bake file, the first that is there.

    Raises RecipeError where there is neither.
    """
    if config.image is not None or config.container is not None:
        return toml.read(request, config)
    found = make_run.makefile_of(request.project)
    if found is None and names.found(request.project):
        # The parsers of bake files are for those who have one.
        from rootless_build.recipes.bake import recipe  # noqa: PLC0415

        return recipe.read(request)
    if found is None:
        raise NoRecipeError(
            f"{request.project} has neither a Makefile nor an rbuild.toml with a recipe, and no "
            "bake file",
            hint="go to the project's own directory, or name it: rbuild -C DIR"
            + ("\nthe rbuild.toml here has neither [image] nor [container]" if config.file else ""),
        )
    return always.marked(makefile.read(request, found), config.targets)
