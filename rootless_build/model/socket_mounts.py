"""Docker's socket: where it is, and which containers of a plan have it, or another, mounted."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.model.plan import BindMount, Mount, Plan, RunContainer
from rootless_build.model.structs import replace

OWN_HOSTS: Final = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
"""What DOCKER_HOST says where it says what docker goes by anyway."""
_NAMES: Final = frozenset({"docker.sock", "podman.sock"})


def mounted_in(plan: Plan) -> Iterator[tuple[RunContainer, BindMount]]:
    """The plan's containers with docker's socket, and these mounts."""
    for step in plan.steps:
        for mount in step.mounts if isinstance(step, RunContainer) else ():
            if isinstance(mount, BindMount) and _is_socket(mount):
                assert isinstance(step, RunContainer)  # others have no mounts
                yield step, mount


def replace_socket(plan: Plan, socket: Path) -> Plan:
    """The plan with that socket in the place of docker's, in every container."""

    def changed(mount: Mount) -> Mount:
        if isinstance(mount, BindMount) and _is_socket(mount):
            return replace(mount, source=socket, create_source=False)
        return mount

    steps = (
        replace(step, mounts=tuple(map(changed, step.mounts)))
        if isinstance(step, RunContainer)
        else step
        for step in plan.steps
    )
    return replace(plan, steps=tuple(steps))


def _is_socket(mount: BindMount) -> bool:
    source = posixpath.normpath(str(mount.source))
    return posixpath.basename(source) in _NAMES
