"""Names that a script gives: what docker refuses of them, in its words."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.live.daemon import Daemon, DaemonError

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def check(shown: str, name: str, before: str = "") -> None:
    """Raises DaemonError for a name that no container can have."""
    if not _NAME.fullmatch(name):
        words = f"Invalid container name ({shown}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        raise DaemonError(f"{before}{words}")


def check_clash(daemon: Daemon, name: str, before: str = "") -> None:
    """Raises DaemonError for a name that a container has."""
    try:
        other = daemon.identity(name)
    except DaemonError:
        return
    raise DaemonError(before + clash(name, other), 409)


def clash(name: str, other: str) -> str:
    """Docker's words for a name that a container has."""
    return (
        f'Conflict. The container name "/{name}" is already in use by container "{other}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )


def check_image(name: str) -> None:
    """Raises ValueError in docker's words for a name that no image can have."""
    first = name.partition(":")[0]
    if first != first.lower() and "/" not in first:
        words = f"repository name (library/{first}) must be lowercase"
        raise ValueError(f"invalid reference format: {words}")
    if not re.fullmatch(r"[\w./:@-]+", name):
        raise ValueError("invalid reference format")
