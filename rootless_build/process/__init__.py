"""Other programs, signals, locks, threads, and rbuild's own terminal.

Imports `model`. Start with `programs`.
"""

import importlib
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

_FORMER: Final = MappingProxyType(
    dict.fromkeys(
        (
            *("AskToEnd", "Completed", "Environment", "GRACE", "OnOutput", "ProgramNotFoundError"),
            *("Running", "Tail", "capture", "end", "exactly", "run_inheriting_input", "service"),
            *("start", "stream", "which"),
        ),
        "programs",
    )
    | dict.fromkeys(("age", "await_end", "identity", "lives", "private_prefix"), "identities")
)
"""Where a name is that was here in 0.1.0, when this was a module."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What was here in 0.1.0: it works until 0.3.0, and warns."""
        if name not in _FORMER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, new = f"{__name__}.{_FORMER[name]}", "of_this" if name == "identity" else name
        message = f"{__name__}.{name} is {module}.{new} since 0.2.0; the old name goes with 0.3.0"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(module), new)
