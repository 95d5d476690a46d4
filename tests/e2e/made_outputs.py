"""What a build with outputs left: files, directories, images."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import listing


def products(directory: Path) -> list[str]:
    """What the build made: all but what rbuild says of it."""
    return [name for name in listing(directory) if not name.endswith("provenance.intoto.json")]


def directories(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_dir())


def images(rbuild: Rbuild) -> list[str]:
    """Images of the project in storage. Those without a name are layers kept for the next build."""
    done = rbuild("clean", "--images", "--dry-run")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if "image" in line]


def named(rbuild: Rbuild) -> list[str]:
    return [line for line in images(rbuild) if "<none>" not in line]
