"""The interface of a backend, and what finds, wraps and helps plug-ins.

Imports `files`, `process` and `model`. Start with `api`. A plug-in finds here all that it needs:
the names of the interface, of plans, events and errors, and the modules that help it.
"""

import importlib
from typing import TYPE_CHECKING, Final

from rootless_build.backend.api import *
from rootless_build.model import errors as errors
from rootless_build.model import events as events
from rootless_build.model import plan as plan
from rootless_build.model.errors import *
from rootless_build.model.events import *
from rootless_build.model.plan import *

if TYPE_CHECKING:
    from rootless_build.process import identity as identity
    from rootless_build.process import programs as programs
    from rootless_build.process import terminal as terminal

_PROCESS: Final = frozenset({"identity", "programs", "terminal"})


def __getattr__(name: str) -> object:
    """The modules that start programs, imported by whoever uses them: that takes 20 ms."""
    if name not in _PROCESS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"rootless_build.process.{name}")
