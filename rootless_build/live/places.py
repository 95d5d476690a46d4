"""Where the results of a call go: into the bundles, where the project has such a directory."""

from __future__ import annotations

from pathlib import Path

from rootless_build.model.plan import Bundles, Plan
from rootless_build.recipes import bundles_place
from rootless_build.recipes.docker.argv import Called


def plan_of(called: Called, project: Path) -> Plan:
    """The plan of one call."""
    found = bundles_place.of(called.steps, project)
    return Plan(
        project=project,
        steps=called.steps,
        bundles=found if found is not None and _is_there(found) else None,
        targets=(" ".join(called.command),),
        recipe="docker",
        notes=called.notes,
    )


def _is_there(bundles: Bundles) -> bool:
    """Whether a project has that directory: what else is mounted is its own tree."""
    return bundles.directory.is_dir()
