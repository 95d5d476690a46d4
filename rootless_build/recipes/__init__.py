"""A project, and the words of the command line, become a plan.

Imports `files`, `process` and `model`. Start with `front_ends`, then `make.recipe`.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.recipes import front_ends as front_ends
    from rootless_build.recipes import project_targets as project_targets

_LATE: Final = MappingProxyType(
    {
        "front_ends": "rootless_build.recipes.front_ends",
        "project_targets": "rootless_build.recipes.project_targets",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """For mistakes and completion, and while the engine is asked."""
        return late_modules.find(__name__, name, _LATE)
