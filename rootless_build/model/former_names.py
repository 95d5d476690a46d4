"""What a public module called something in 0.1.0: it works until 0.3.0, and warns."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping


def find(module: str, name: str, now: Mapping[str, str]) -> object:
    """What a module had by that name; `now` has the name of today by the former one, in full.

    Called by the module's own `__getattr__`. Raises AttributeError for what it never had.
    """
    if name not in now:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    message = f"{module}.{name} is {now[name]} since 0.2.0; the old name goes with 0.3.0"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    room, _, attribute = now[name].rpartition(".")
    found: object = getattr(importlib.import_module(room), attribute)
    return found
