"""RUNs of a build for platforms whose programs this host can't run."""

from __future__ import annotations

from rootless_build.backend.build_files import containerfile
from rootless_build.host.emulation import can_run
from rootless_build.images import foreign_stages
from rootless_build.images.containerfile.file import display
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage
from rootless_build.model.platform_builds import builds_of

_HINT = (
    "emulation runs them: an administrator installs qemu-user-static, which registers it with"
    " binfmt_misc; or build on a machine of that platform (CONTAINER_HOST names its podman); or"
    " compile in a stage FROM --platform=$BUILDPLATFORM"
)


def refuse(step: BuildImage) -> None:
    """Raise UnsupportedError for the first one."""
    for one in builds_of(step):
        found = foreign_stages.first_that_can_not_run(one, can_run)
        if found is not None:
            line, platform = found
            shown = display(step, containerfile(step))
            message = f"{shown}:{line}: RUN is for {platform}, whose programs this host can't run"
            raise UnsupportedError(message, hint=_HINT)
