"""Other programs, signals, locks, threads, and rbuild's own terminal.

Imports `model`. Start with `programs`.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import former_names

_FORMER: Final = MappingProxyType(
    {
        name: f"{__name__}.programs.{name}"
        for name in (
            *("AskToEnd", "Completed", "Environment", "GRACE", "OnOutput", "ProgramNotFoundError"),
            *("Running", "Tail", "capture", "end", "exactly", "run_inheriting_input", "service"),
            *("start", "stream", "which"),
        )
    }
    | {
        name: f"{__name__}.identities.{name}"
        for name in ("age", "await_end", "lives", "private_prefix")
    }
    | {"identity": f"{__name__}.identities.of_this"}
)
"""Where a name is that was here in 0.1.0, when this was a module."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What was here in 0.1.0."""
        return former_names.find(__name__, name, _FORMER)
