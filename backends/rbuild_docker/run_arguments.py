"""A RunContainer as the arguments of `docker create` and `docker run`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import assert_never

from rootless_build.model.plan import (
    BindMount,
    Limits,
    Mount,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)


def run_arguments(step: RunContainer, network: str | None) -> tuple[str, ...]:
    """What comes after `docker run`, for people to read and paste."""
    remove = ("--rm",) if step.remove else ()
    pull = ("--pull", step.pull.value)
    return (*remove, *pull, *options(step, network), step.image, *command(step))


def _variable(step: RunContainer, name: str, value: str) -> str:
    # The client takes a bare name's value from its environment, which is rbuild's.
    return name if name in step.secret_environment else f"{name}={value}"


def command(step: RunContainer) -> tuple[str, ...]:
    """What comes after the image."""
    # --entrypoint takes one word, the others come before the command.
    return (*(step.entrypoint or ())[1:], *step.command)


def options(step: RunContainer, network: str | None) -> Iterator[str]:
    """The flags that `docker create` and `docker run` share; `network` is for a step without."""
    for given, flag in (
        (step.interactive, "--interactive"),
        (step.tty, "--tty"),
        (step.privileged, "--privileged"),
        (step.init, "--init"),
        (step.read_only, "--read-only"),
    ):
        if given:
            yield flag
    entrypoint = None if step.entrypoint is None else (step.entrypoint or ("",))[0]
    for option, value in (
        ("--entrypoint", entrypoint),
        ("--workdir", step.working_directory),
        ("--user", step.user),
        ("--network", network if step.network in {None, "default"} else step.network),
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
    for mount in step.mounts:
        yield _mount(mount)
    yield from _limits(step.limits)


def _mount(mount: Mount) -> str:
    if isinstance(mount, TmpfsMount):
        # --mount type=tmpfs knows only size and mode.
        return f"--tmpfs={':'.join((mount.target, *_joined(mount.options)))}"
    match mount:
        case BindMount():
            fields = ["type=bind", f"source={mount.source}", f"target={mount.target}"]
            if mount.propagation:
                fields.append(f"bind-propagation={mount.propagation}")
        case VolumeMount():
            source = [f"source={mount.name}"] if mount.name else []
            fields = ["type=volume", *source, f"target={mount.target}"]
            if not mount.copy:
                fields.append("volume-nocopy")
        case _:
            assert_never(mount)
    if mount.read_only:
        fields.append("readonly")
    return f"--mount={_record(fields)}"


def _joined(words: tuple[str, ...]) -> tuple[str, ...]:
    return (",".join(words),) if words else ()


def _record(fields: list[str]) -> str:
    """`--mount` is one record of comma-separated values: colons and commas in names are safe."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


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
