"""Trees deeper than any path is long."""

from __future__ import annotations

import os
from pathlib import Path

DEPTH = 1_500


def deep(directory: Path, name: str = "d", depth: int = DEPTH) -> None:
    """A file below that many nested directories; no path is longer than one name."""
    directory.mkdir(exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
