"""The process that holds podman's namespaces open between its commands.

podman writes its number into a file of its runtime directory (4.3.1 to 5.8.6).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_FILE: Final = "libpod/tmp/pause.pid"
_NAMES: Final = ("catatonit", "podman")


def pause_process(environment: Mapping[str, str | None]) -> int | None:
    """Its number; None where there is no such process yet, or it is not known where it would be."""
    runtime = environment.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        return None
    try:
        process = int((Path(runtime) / _FILE).read_text())
        name = Path(f"/proc/{process}/comm").read_text()
    except (OSError, ValueError):
        return None
    return process if name.startswith(_NAMES) else None
