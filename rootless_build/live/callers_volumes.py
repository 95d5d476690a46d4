"""`--volumes-from`: what other containers have mounted, as mounts of the step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rootless_build.docker_cli.shapes.json import a_list, a_map, text
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.model.plan import BindMount, Json, Mount, RunContainer, VolumeMount
from rootless_build.model.structs import replace

_MODES = ("ro", "rw", "z", "Z")


def with_volumes(step: RunContainer, daemon: Daemon, named: Sequence[str]) -> RunContainer:
    """The step with the mounts of containers, but where it has its own. Raises DaemonError."""
    own = {mount.target for mount in step.mounts}
    found = [mount for each in named for mount in _mounts_of(daemon, each)]
    taken = tuple({each.target: each for each in found if each.target not in own}.values())
    return replace(step, mounts=step.mounts + taken)


def _mounts_of(daemon: Daemon, named: str) -> tuple[Mount, ...]:
    """What the container of `NAME[:ro|rw]` has mounted. Raises DaemonError."""
    name, colon, mode = named.partition(":")
    if colon and mode not in _MODES:
        raise DaemonError(f"invalid mode: {mode}")
    mounts = a_list(a_map(daemon.container(name)).get("Mounts"))
    return tuple(_mount(a_map(each), read_only=mode == "ro") for each in mounts)


def _mount(said: dict[str, Json], *, read_only: bool) -> Mount:
    target = text(said.get("Destination"))
    read_only = read_only or said.get("RW") is False
    if text(said.get("Type")) == "volume":
        return VolumeMount(target, text(said.get("Name")), read_only)
    source = Path(text(said.get("Source")))
    return BindMount(source, target, read_only, create_source=False)
