"""`docker buildx bake`: HCL, JSON and compose files become the steps of a plan.

    files ─▶ hcl, json_file ─▶ syntax ─▶ document (variables, matrix, …) ─▶ targets
          └▶ compose ─────────────────────────────────────────────────────▶ targets
    targets, overrides ─▶ definition ─▶ steps

But for `names` and `source` nothing here is imported before a bake file is to be read.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.recipes.bake import recipe as recipe
    from rootless_build.recipes.bake import written as written

_LATE: Final = MappingProxyType(
    {
        "recipe": "rootless_build.recipes.bake.recipe",
        "written": "rootless_build.recipes.bake.written",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What has the parsers, for projects that have a bake file: 15 ms."""
        return late_modules.find(__name__, name, _LATE)
