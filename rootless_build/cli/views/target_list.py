"""A project's targets, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rootless_build.cli.views.tables import columns
from rootless_build.model.text import shown
from rootless_build.recipes.listing import ListedTarget, Listing


def table(listing: Listing) -> str:
    """One line a target, in the order of the recipe."""
    rows = [
        (
            shown(target.name),
            "(default)" if target.name == listing.default else "",
            _description(target),
        )
        for target in listing.targets
    ]
    if not rows:
        return f"{shown(listing.recipe)} has no targets"
    if not any(mark for _, mark, _ in rows):
        return columns(("target", "description"), [(name, said) for name, _, said in rows])
    return columns(("target", "", "description"), rows)


def as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """A list of objects."""
    return json.dumps(rows, indent=2)


def _description(target: ListedTarget) -> str:
    if target.description or not target.targets:
        return shown(target.description)
    return shown(f"the group of {', '.join(target.targets)}")
