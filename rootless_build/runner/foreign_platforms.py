"""Refuses, before anything is done, RUNs of platforms whose programs this host can't run."""

from __future__ import annotations

from rootless_build.model import platforms
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage
from rootless_build.model.platform_builds import builds_of

_HINT = (
    "emulation runs them: an administrator installs qemu-user-static, which registers it with"
    " binfmt_misc; or build on a machine of that platform (CONTAINER_HOST names its podman); or"
    " compile in a stage FROM --platform=$BUILDPLATFORM"
)


def check(step: BuildImage) -> None:
    """Raise UnsupportedError for the first RUN that can't be run here."""
    from rootless_build.images.containerfile import file  # noqa: PLC0415 - see below

    try:
        text = file.text_of(step)
    except OSError:
        return  # what builds it says what is wrong
    if "--platform" not in text and all(each == platforms.host() for each in step.platforms):
        return
    # A run that changes nothing reads no containerfile: 20 ms.
    from rootless_build.host.emulation import can_run  # noqa: PLC0415
    from rootless_build.images import foreign_stages  # noqa: PLC0415

    for one in builds_of(step):
        found = foreign_stages.first_that_can_not_run(one, can_run)
        if found is not None:
            line, platform = found
            shown = (step.containerfile or step.context / "Dockerfile").name
            message = f"{shown}:{line}: RUN is for {platform}, whose programs this host can't run"
            raise UnsupportedError(message, hint=_HINT)
