"""What a container's bind mounts show of this host: it is there, or is made, as the caller."""

from __future__ import annotations

from rootless_build.files.tree import existing
from rootless_build.model.errors import StepFailedError, UnsupportedError, reason
from rootless_build.model.plan import BindMount, RunContainer


def make_sources(step: RunContainer) -> None:
    """Make the directories that are missing and may be made, as docker's daemon does.

    Raises StepFailedError, status 125, for what else is missing.
    """
    for mount in step.mounts:
        if not isinstance(mount, BindMount) or existing(mount.source) == mount.source:
            continue
        message = f"{mount.source} cannot be mounted at {mount.target}: it does not exist"
        if not mount.create_source:
            raise StepFailedError(message, status=125)
        try:
            mount.source.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message += f" and can't be made: {reason(error)}"
            raise StepFailedError(message, status=125) from error


def refuse_sources(step: RunContainer, engine: str, hint: str) -> None:
    """Raise UnsupportedError where the step has bind mounts: `engine` is on another host.

    `hint` says what to do for another engine.
    """
    for mount in step.mounts:
        if isinstance(mount, BindMount):
            raise UnsupportedError(
                f"{mount.source} cannot be mounted: {engine} does not see this host's files",
                hint=f"{hint}, or run without the bind mount (BIND_DIR=)",
            )
