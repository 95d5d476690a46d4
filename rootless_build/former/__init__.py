"""The names that 0.1.0 had for what a plug-in imports: they work until 0.3.0, and warn.

`rootless_build` looks here for modules that it does not have itself; each puts the one that is
meant, of `backend`, `files`, `process` or `model`, in its own place.
"""

from __future__ import annotations

import importlib
import sys
import warnings


def replace(name: str, now: str) -> None:
    """Let the module `name` be `now` for whoever imports it, and say so to them."""
    message = (
        f"{name} is {now} since 0.2.0, and goes with 0.3.0; "
        "a plug-in finds all that it needs in rootless_build.backend"
    )
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    sys.modules[name] = importlib.import_module(now)
