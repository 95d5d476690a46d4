"""The targets and groups of bake files, as they are written: no step is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rootless_build.recipes.bake import files
from rootless_build.recipes.listing import ListedTarget, Listing


def target_names(project: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Targets and groups of the project's bake files. Raises RecipeError."""
    defined, _ = files.read((), files.Place(project, environment, {}))
    return (*defined.targets, *(group.name for group in defined.groups))


def listed(project: Path, environment: Mapping[str, str]) -> Listing:
    """Targets and groups of the project's bake files, without those whose name begins with `_`.

    Raises RecipeError.
    """
    defined, names = files.read((), files.Place(project, environment, {}))
    found = {
        name: ListedTarget(name, target.description or "")
        for name, target in defined.targets.items()
    }
    for group in defined.groups:
        found[group.name] = ListedTarget(group.name, group.description, targets=group.targets)
    shown = (target for name, target in found.items() if not name.startswith("_"))
    return Listing(names[-1], tuple(shown), "default")
