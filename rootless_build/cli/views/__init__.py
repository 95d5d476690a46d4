"""What is shown of a run, and of what was asked for: readers of events, tables, help."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.cli.views import drawing as drawing
    from rootless_build.cli.views import live_view as live_view

_LATE: Final = MappingProxyType(
    {
        "drawing": "rootless_build.cli.views.drawing",
        "live_view": "rootless_build.cli.views.live_view",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What is for a terminal alone."""
        return late_modules.find(__name__, name, _LATE)
