"""A RunContainer as the arguments of `podman run`, for people to read and paste."""

from __future__ import annotations

from collections.abc import Iterator

from rbuild_containers.id_maps import id_maps
from rbuild_podman.specgen import tmpfs_options
from rootless_build.backend.api import EngineSettings
from rootless_build.model.plan import (
    BindMount,
    Limits,
    Mount,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)


def run_arguments(step: RunContainer, settings: EngineSettings) -> tuple[str, ...]:
    """Options, image and command, without `podman run`."""
    command = step.command
    if step.entrypoint:
        # --entrypoint takes one word (or JSON); the others come before the command.
        command = (*step.entrypoint[1:], *command)
    return (*_options(step, settings), step.image, *command)


def _options(step: RunContainer, settings: EngineSettings) -> Iterator[str]:
    if step.remove:
        yield "--rm"
    yield "--http-proxy=false"
    for given, flag in (
        (step.interactive, "--interactive"),
        (step.tty, "--tty"),
        (step.privileged, "--privileged"),
        (step.init, "--init"),
        (step.read_only, "--read-only"),
    ):
        if given:
            yield flag
    network = settings.network if step.network in {None, "default"} else step.network
    entrypoint = None if step.entrypoint is None else (step.entrypoint or ("",))[0]
    for option, value in (
        ("--entrypoint", entrypoint),
        ("--workdir", step.working_directory),
        ("--user", step.user),
        ("--network", network),
        ("--hostname", step.hostname),
        ("--name", step.name),
        ("--pid", step.pid),
        ("--ipc", step.ipc),
        ("--uts", step.uts),
        ("--userns", step.userns),
        ("--cgroupns", step.cgroupns),
        ("--platform", step.platform),
        ("--stop-signal", step.stop_signal),
        ("--stop-timeout", step.stop_timeout),
    ):
        if value is not None:
            yield f"{option}={value}"
    for option, values in (
        ("--group-add", step.group_add),
        ("--cap-add", step.cap_add),
        ("--cap-drop", step.cap_drop),
        ("--security-opt", step.security_options),
        ("--device", step.devices),
        ("--publish", step.publish),
        ("--add-host", step.add_hosts),
        ("--dns", step.dns),
        ("--sysctl", tuple(f"{name}={value}" for name, value in step.sysctls)),
        ("--label", tuple(f"{name}={value}" for name, value in step.labels)),
        ("--env", tuple(_variable(step, name, value) for name, value in step.environment)),
    ):
        for value in values:
            yield f"{option}={value}"
    if step.user:
        # docker adds nothing to the image's /etc/passwd, from which HOME comes.
        yield "--passwd=false"
    if step.caller_ids is not None:
        maps = id_maps(step.caller_ids, settings)
        for option, ids in zip(("--uidmap", "--gidmap"), maps, strict=True):
            yield from (f"{option}={each}" for each in ids)
    for mount in step.mounts:
        yield _mount(mount)
    yield from _limits(step.limits)


def _variable(step: RunContainer, name: str, value: str) -> str:
    return name if name in step.secret_environment else f"{name}={value}"


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


def _limits(limits: Limits) -> Iterator[str]:
    for option, value in (
        ("--memory", limits.memory),
        ("--memory-swap", limits.memory_swap),
        ("--cpus", limits.cpus),
        ("--cpu-shares", limits.cpu_shares),
        ("--cpu-period", limits.cpu_period),
        ("--cpu-quota", limits.cpu_quota),
        ("--cpuset-cpus", limits.cpuset_cpus),
        ("--cpuset-mems", limits.cpuset_mems),
        ("--pids-limit", limits.pids_limit),
        ("--shm-size", limits.shm_size),
        ("--cgroup-parent", limits.cgroup_parent),
    ):
        if value is not None:
            yield f"{option}={value}"
    for ulimit in limits.ulimits:
        yield f"--ulimit={ulimit}"
