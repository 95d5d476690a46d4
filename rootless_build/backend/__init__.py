"""The interface of a backend, and what finds, wraps and helps plug-ins.

Imports `files`, `process` and `model`. Start with `api`. A plug-in finds here all that it needs:
the names of the interface, of plans, events and errors, and the modules that help it.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.backend.api import *
from rootless_build.model import errors as errors
from rootless_build.model import events as events
from rootless_build.model import plan as plan
from rootless_build.model.errors import *
from rootless_build.model.events import *
from rootless_build.model.late_modules import find as _find
from rootless_build.model.plan import *
from rootless_build.model.structs import replace as replace

if TYPE_CHECKING:
    from rootless_build.files import archives as archives
    from rootless_build.files import private_directories as private_directories
    from rootless_build.files import replacing as replacing
    from rootless_build.model import platform_builds as platform_builds
    from rootless_build.model import platforms as platforms
    from rootless_build.model import references as references
    from rootless_build.model import text as text
    from rootless_build.process import identities as identities
    from rootless_build.process import proc as proc
    from rootless_build.process import programs as programs
    from rootless_build.process import terminal as terminal
    from rootless_build.process import user_directories as user_directories

_HELPERS: Final = MappingProxyType(
    {
        "archives": "rootless_build.files.archives",
        "identities": "rootless_build.process.identities",
        "platform_builds": "rootless_build.model.platform_builds",
        "platforms": "rootless_build.model.platforms",
        "private_directories": "rootless_build.files.private_directories",
        "proc": "rootless_build.process.proc",
        "programs": "rootless_build.process.programs",
        "references": "rootless_build.model.references",
        "replacing": "rootless_build.files.replacing",
        "terminal": "rootless_build.process.terminal",
        "text": "rootless_build.model.text",
        "user_directories": "rootless_build.process.user_directories",
    }
)


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A module that helps plug-ins, imported by whoever uses it: `programs` takes 20 ms."""
        return _find(__name__, name, _HELPERS)
