"""Which containers of a plan have docker's socket mounted, and another one in its place."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.model.plan import BindMount, Mount, Plan, RunContainer
from rootless_build.model.structs import replace

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
