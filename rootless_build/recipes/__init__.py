"""Recipe front ends: a project, and the words of the command line, become a plan."""

from __future__ import annotations

from rootless_build.config import Config
from rootless_build.errors import RecipeError
from rootless_build.plan import Plan
from rootless_build.recipes import always, make_run, makefile, toml
from rootless_build.recipes.bake import names
from rootless_build.recipes.request import Request


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
        raise RecipeError(
            f"{request.project} has neither a Makefile nor an rbuild.toml with a recipe, and no "
            "bake file",
            hint="go to the project's own directory, or name it: rbuild -C DIR",
        )
    return always.marked(makefile.read(request, found), config.targets)
