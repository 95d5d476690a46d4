"""`docker buildx bake …` as steps, and a project with a bake file and no Makefile as a plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from rootless_build.model.errors import RecipeError
from rootless_build.model.outputs import keeps_image
from rootless_build.model.plan import BuildImage, CheckContainerfile, Plan
from rootless_build.model.structs import replace
from rootless_build.recipes import bundles_place
from rootless_build.recipes.bake import definition, files, overrides, written
from rootless_build.recipes.bake import printed as printing
from rootless_build.recipes.bake import steps as target_steps
from rootless_build.recipes.request import Request

Made = BuildImage | CheckContainerfile


class Bake(Struct, frozen=True):
    """One bake: `files` by `-f`, `overrides` by `--set`, `variables` by `--var`."""

    directory: Path
    environment: Mapping[str, str]
    targets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None


class Baked(Struct, frozen=True):
    """`files` are the names of those that were read."""

    steps: tuple[Made, ...]
    notes: tuple[str, ...]
    files: tuple[str, ...]


def steps(bake: Bake) -> Baked:
    """What the bake builds. Raises RecipeError, or BakeError with file, line and column."""
    at = files.Place(bake.directory, bake.environment, bake.variables or {})
    defined, names = files.read(bake.files, at)
    changes = overrides.parse(bake.overrides, defined.targets, bake.environment.get)
    chosen = definition.chosen(defined, bake.targets, changes)
    made, notes = target_steps.steps(chosen, bake.directory, bake.environment)
    made = tuple(_of_one_bake(step, bake) for step in made)
    broken = tuple(
        f"{target.error.message}; the target {name} is not asked for"
        for name, target in defined.targets.items()
        if target.error is not None
    )
    return Baked(made, (*defined.notes, *broken, *notes), names)


def printed(bake: Bake) -> str:
    """What would be built, as docker's client prints it. Raises as `steps` does."""
    at = files.Place(bake.directory, bake.environment, bake.variables or {})
    defined, _ = files.read(bake.files, at)
    changes = overrides.parse(bake.overrides, defined.targets, bake.environment.get)
    chosen = definition.chosen(defined, bake.targets, changes)
    return printing.in_json(defined, chosen, bake.targets, bake.directory)


def _of_one_bake(step: Made, bake: Bake) -> Made:
    """The step with a word in its origin that those of another bake do not have."""
    if not isinstance(step, BuildImage) or step.origin is None:
        return step
    asked = (str(bake.directory), bake.targets, bake.files, bake.overrides)
    word = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]
    return replace(step, origin=replace(step.origin, bake=word))


def image_targets(request: Request) -> tuple[str, ...]:
    """The targets that keep an image in storage, without those whose name begins with `_`: by
    custom these are there to be inherited.
    """
    names = written.target_names(request.project, request.environment)
    return tuple(name for name in names if not name.startswith("_") and _keeps(request, name))


def _keeps(request: Request, name: str) -> bool:
    try:
        made = read(replace(request, targets=(name,))).steps
    except RecipeError:
        return False
    return any(
        isinstance(step, BuildImage)
        and keeps_image(step)
        and step.origin is not None
        and step.origin.target == name
        for step in made
    )


def read(request: Request) -> Plan:
    """The plan of a project whose recipe is a bake or compose file. Raises as `steps` does."""
    variables = dict(request.variables)
    environment = {**request.environment, **variables}
    baked = steps(Bake(request.project, environment, request.targets, variables=variables))
    return Plan(
        project=request.project,
        steps=baked.steps,
        bundles=bundles_place.of(baked.steps, request.project),
        targets=request.targets,
        recipe=baked.files[-1],
        notes=baked.notes,
    )
