"""The command line: parse, call, print; nothing else prints or exits.

It may import every room but `files`, which those above it have to do with; a module that a run
which changes nothing can do without is imported where it is used. Start with `app`, then
`commands`, whose table says where each command is; `options` has the groups of options.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.cli import live_make as live_make
    from rootless_build.cli import live_session as live_session

_LATE: Final = MappingProxyType(
    {
        "live_make": "rootless_build.cli.live_make",
        "live_session": "rootless_build.cli.live_session",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What is for commands at work alone."""
        return late_modules.find(__name__, name, _LATE)
