"""Lines of a recipe, read by a grammar of the shell's: which commands are docker's.

Start with `line`.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.recipes.shell import docker_commands as docker_commands
    from rootless_build.recipes.shell import effects as effects

_LATE: Final = MappingProxyType(
    {
        "docker_commands": "rootless_build.recipes.shell.docker_commands",
        "effects": "rootless_build.recipes.shell.effects",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What has the grammar, for lines that need it: 4 ms."""
        return late_modules.find(__name__, name, _LATE)
