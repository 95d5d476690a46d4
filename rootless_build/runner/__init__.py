"""Does a plan's steps: order, staging and publishing, provenance, recovery; knows no engine.

Imports every room but `cli`. Start with `run`: it gives each
step to `image_steps`, `container_steps` or `host_commands`, which share a `context`.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.runner import archive_outputs as archive_outputs
    from rootless_build.runner import build_checks as build_checks
    from rootless_build.runner import container_run as container_run
    from rootless_build.runner import host_power as host_power
    from rootless_build.runner import incremental_builds as incremental_builds
    from rootless_build.runner import left_files as left_files
    from rootless_build.runner import platform_images as platform_images
    from rootless_build.runner import recovery as recovery
    from rootless_build.runner import steps_side_by_side as steps_side_by_side

_LATE: Final = MappingProxyType(
    {
        "archive_outputs": "rootless_build.runner.archive_outputs",
        "build_checks": "rootless_build.runner.build_checks",
        "container_run": "rootless_build.runner.container_run",
        "host_power": "rootless_build.runner.host_power",
        "incremental_builds": "rootless_build.runner.incremental_builds",
        "left_files": "rootless_build.runner.left_files",
        "platform_images": "rootless_build.runner.platform_images",
        "recovery": "rootless_build.runner.recovery",
        "steps_side_by_side": "rootless_build.runner.steps_side_by_side",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What a run that changes nothing does without."""
        return late_modules.find(__name__, name, _LATE)
