"""`--unprivileged`: what a build needs of a privileged container, without one.

The entrypoint of Docker's own image, hack/dind, wants its privileges for a daemon in the container,
which no build starts: it mounts securityfs and a tmpfs on /tmp, and from 20.10 on moves processes
into control groups, from 28 on until it succeeds.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from rootless_build.backend.api import Image
from rootless_build.model.plan import RunContainer
from rootless_build.model.structs import replace

_DIND: Final = "dind"


def without_dind(step: RunContainer, image: Image) -> RunContainer:
    """The step without hack/dind around its command, where that is the entrypoint."""
    entrypoint = image.entrypoint if step.entrypoint is None else step.entrypoint
    if not entrypoint or PurePosixPath(entrypoint[0]).name != _DIND:
        return step
    command = step.command or image.command
    # Without it the command is process 1, which gets no signal that it doesn't handle.
    return replace(step, entrypoint=entrypoint[1:], command=command, init=True)
