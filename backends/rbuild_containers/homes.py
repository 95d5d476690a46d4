"""HOME of a user whom the image's /etc/passwd does not know.

It is / with docker, and with podman and buildah on runc. crun (1.14 to 1.28) sets none: podman
(5.4.2) does only where it may add an entry of its own to the container's /etc/passwd, which docker
does not, and buildah 1.33.7 (Ubuntu 24.04) nowhere.
"""

from __future__ import annotations

from typing import Final

from rootless_build.backend import Image, RunContainer, replace

_VARIABLE: Final = "HOME"


def unknown_user(step: RunContainer, image: Image) -> int | None:
    """The uid of a container's user who may have no entry, and would then have no home."""
    name = (step.user or image.user).partition(":")[0]
    if any(variable == _VARIABLE for variable, _ in (*step.environment, *image.environment)):
        return None
    # A name that is in no entry is refused.
    return int(name) if name.isdecimal() and int(name) else None


def at_the_root(step: RunContainer) -> RunContainer:
    """The step with the home that docker gives a user without an entry."""
    return replace(step, environment=(*step.environment, (_VARIABLE, "/")))
