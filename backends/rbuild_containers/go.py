"""What podman and buildah have of Go: how soon they look for memory that is free again.

Each RUN, and each layer that is taken, starts the engine's own program some more times, for 15 ms
each, 2 of them to look for memory where there is hardly any yet (Go 1.19: first at 4 MB). With this
podman 4.3.1 needs 80 MB for a large layer, and 56 without.
"""

from __future__ import annotations

import os
from typing import Final

_VARIABLE: Final = "GOGC"
_SELDOM: Final = "400"


def environment() -> dict[str, str]:
    """For a program in Go; the user's own word for it holds."""
    return {} if _VARIABLE in os.environ else {_VARIABLE: _SELDOM}
