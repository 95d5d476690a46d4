"""A RunContainer as the arguments of `podman run`, for people to read and paste."""

from __future__ import annotations

from collections.abc import Iterator

from rbuild_containers.flags import command_after_image, run_flags, run_limits
from rbuild_containers.id_maps import id_maps
from rbuild_podman.specgen import tmpfs_options
from rootless_build.backend import (
    BindMount,
    EngineSettings,
    Mount,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)


def run_arguments(step: RunContainer, settings: EngineSettings) -> tuple[str, ...]:
    """Options, image and command, without `podman run`."""
    return (*_options(step, settings), step.image, *command_after_image(step))


def _options(step: RunContainer, settings: EngineSettings) -> Iterator[str]:
    if step.remove:
        yield "--rm"
    yield "--http-proxy=false"
    yield from run_flags(step, settings.network)
    if step.user:
        # docker adds nothing to the image's /etc/passwd, from which HOME comes.
        yield "--passwd=false"
    if step.caller_ids is not None:
        maps = id_maps(step.caller_ids, settings)
        for option, ids in zip(("--uidmap", "--gidmap"), maps, strict=True):
            yield from (f"{option}={each}" for each in ids)
    for mount in step.mounts:
        yield _mount(mount)
    yield from run_limits(step.limits)


def _mount(mount: Mount) -> str:
    match mount:
        case BindMount():
            words = ["ro"] if mount.read_only else []
            words += [mount.propagation] if mount.propagation else []
            suffix = f":{','.join(words)}" if words else ""
            return f"--volume={mount.source}:{mount.target}{suffix}"
        case VolumeMount():
            words = ["ro"] if mount.read_only else []
            words += [] if mount.copy else ["nocopy"]
            suffix = f":{','.join(words)}" if words else ""
            name = f"{mount.name}:" if mount.name else ""
            return f"--volume={name}{mount.target}{suffix}"
        case TmpfsMount():
            return f"--tmpfs={mount.target}:{','.join(tmpfs_options(mount.options))}"
