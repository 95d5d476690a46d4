"""The names by which bake finds its files, in its order.

Source: defaultFilenames of bake/bake.go of buildx; the names of compose files are compose-go's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rootless_build.model.references import OWN

COMPOSE: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
BAKE: Final = (
    "docker-bake.json",
    "docker-bake.hcl",
    "docker-bake.override.json",
    "docker-bake.override.hcl",
)
LINKED: Final = f"{OWN}bake/"
"""Begins the names of images that others of the same bake are built from."""


def found(directory: Path) -> tuple[str, ...]:
    """The names of the compose and bake files that are in the directory."""
    return tuple(name for name in (*COMPOSE, *BAKE) if (directory / name).is_file())
