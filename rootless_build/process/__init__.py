"""Other programs, signals, locks, threads, and rbuild's own terminal.

Imports `model`. Start with `programs`.
"""

import importlib
import warnings
from typing import Final

_FORMER: Final = frozenset(
    {
        *("AskToEnd", "Completed", "Environment", "GRACE", "OnOutput", "ProgramNotFoundError"),
        *("Running", "Tail", "capture", "end", "exactly", "run_inheriting_input", "service"),
        *("start", "stream", "which"),
    }
)


def __getattr__(name: str) -> object:
    """What was here in 0.1.0, when this was a module: it works until 0.3.0, and warns."""
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    now = f"{__name__}.programs"
    message = f"{__name__}.{name} is {now}.{name} since 0.2.0; the old name goes with 0.3.0"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    found: object = getattr(importlib.import_module(now), name)
    return found
