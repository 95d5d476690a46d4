"""A home that rbuild 0.1.0 left (records, caches, failed files), as it was recorded with podman."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

_RECORDED: Final = Path(__file__).parent / "data" / "home-0.1.0"
KEY: Final = "8002eaff0c1a8c75"
"""That of the checkout in it."""


def left_by_0_1_0(home: Path) -> Path:
    """Put it there: `cache`, `data` and `state`, with `home` in all paths."""
    shutil.copytree(_RECORDED, home, symlinks=True, dirs_exist_ok=True)
    for file in home.rglob("*.json"):
        file.write_text(file.read_text().replace("{HOME}", str(home)))
    return home
