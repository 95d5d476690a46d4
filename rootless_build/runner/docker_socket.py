"""Containers that have the socket of docker's API mounted, to start containers themselves.

Where no daemon answers at it, docker itself would mount a new directory of that name, and the
command in the container fails late and strangely: here it is said before anything is done. Which
other socket stands for docker's is the user's to say (`--docker-socket`), for whoever has it can do
all that the user can. Only docker's own client has an answer already: DOCKER_HOST.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rootless_build.backend.named_engines import ping_socket
from rootless_build.model import socket_mounts
from rootless_build.model.errors import HostError, UsageError, reason
from rootless_build.model.plan import BindMount, Plan, RunContainer
from rootless_build.process import user_directories

_DIRECTORIES: Final = frozenset({"/run", "/var/run"})
_UNIX: Final = "unix://"


def check(path: Path, named_by: str) -> Path:
    """The socket, if somebody answers; `named_by` is the option or the key with its value.

    Raises HostError, and UsageError for what is no socket.
    """
    hint = _to_do(os.environ)
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise UsageError(f"{named_by}: it is no socket", hint=hint)
    silence = _silence(path)
    if silence:
        message = f"{named_by}: nobody answers there: {silence}"
        raise HostError(message, finding="no-docker-socket", hint=hint)
    return path


def provide(plan: Plan, backend: str, environment: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan with sockets that answer, and what is to be said of that, empty for nothing.

    With the backend docker, the daemon that DOCKER_HOST names is the one that is meant. Raises
    HostError, with what to do, where nobody answers.
    """
    for step, mount in socket_mounts.mounted_in(plan):
        silence = _silence(mount.source)
        if not silence:
            continue
        named = _unix_path(environment.get("DOCKER_HOST", ""))
        if backend == "docker" and named and not _silence(Path(named)):
            said = f"{mount.source} is, for containers, the socket that DOCKER_HOST names: {named}"
            return socket_mounts.replace_socket(plan, Path(named)), said
        where = f" ({step.origin})" if step.origin else ""
        raise HostError(
            f"a container has docker's socket {mount.source} mounted{where}, and nobody answers "
            f"there: {silence}",
            finding="no-docker-socket",
            hint=_to_do(environment),
        )
    return plan, "\n".join(_said_of_directories(plan))


def _said_of_directories(plan: Plan) -> Iterator[str]:
    """Mounted for docker's socket, most likely; it may be for something else."""
    for step in plan.steps:
        for mount in step.mounts if isinstance(step, RunContainer) else ():
            if isinstance(mount, BindMount) and str(mount.source) in _DIRECTORIES:
                silence = _silence(mount.source / "docker.sock")
                where = f" ({step.origin})" if step.origin else ""
                if silence:
                    yield (
                        f"a container has {mount.source} mounted{where}, and no docker daemon "
                        f"answers at {mount.source}/docker.sock: {silence}; rbuild doctor "
                        "--explain no-docker-socket says more"
                    )


def _silence(path: Path) -> str:
    """Why nobody answers, empty where somebody does."""
    try:
        ping_socket(str(path))
    except OSError as error:
        return reason(error)
    return ""


def _unix_path(address: str) -> str:
    return address.removeprefix(_UNIX) if address.startswith(_UNIX) else ""


def _to_do(environment: Mapping[str, str]) -> str:
    """The sockets of this user that answer, or how to have one."""
    runtime = user_directories.runtime(environment)
    podman = f"{runtime}/podman/podman.sock"
    for path in (_unix_path(environment.get("DOCKER_HOST", "")), podman, f"{runtime}/docker.sock"):
        if path and not _silence(Path(path)):
            return (
                f"one of yours answers: --docker-socket {path}\n"
                "whoever has it can do all that you can, also a command in the container"
            )
    return (
        "podman has a socket that speaks docker's language: systemctl --user start podman.socket "
        "(or podman system service --time=0 &)\n"
        f"then: --docker-socket {podman}"
    )
