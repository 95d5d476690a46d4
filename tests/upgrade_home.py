"""A home that rbuild 0.1.0 left (records, caches, failed files), as it was recorded with podman.

The records of killed runs are those of two processes that called 0.1.0's journal as a run does, and
were killed with SIGKILL.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Final

_RECORDED: Final = Path(__file__).parent / "data" / "home-0.1.0"
KEY: Final = "8002eaff0c1a8c75"
"""That of the checkout in it."""
KILLED: Final = "8784.695542"
"""The run that was killed while it built: where it left something is on record."""
BEGUN: Final = "8831.695578"
"""The run that was killed before it had chosen an engine."""


def left_by_0_1_0(home: Path) -> Path:
    """Put it there: `cache`, `data` and `state`, with `home` in all paths, on this host."""
    shutil.copytree(_RECORDED, home, symlinks=True, dirs_exist_ok=True)
    for file in home.rglob("*.json"):
        text = file.read_text().replace("{HOME}", str(home))
        file.write_text(text.replace("{HOST}", platform.node()))
    return home
