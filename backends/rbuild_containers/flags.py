"""The flags to which docker, podman and buildah give the same name and meaning.

docker's command line came first, and the others took it over: what stands here was tried on docker
20.10, podman 4.3.1 and buildah 1.28.2. Where an engine differs, its own plug-in says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rootless_build.backend import Limits, RunContainer, replace

_CPU_PERIOD = 100_000
"""Microseconds; docker's own for `--cpus`, and the kernel's default."""
_NOTHING: Final = re.compile(r"(0+(\.0*)?\s*([bkmgt]|[kmgt]?i?b)?)?", re.IGNORECASE)
"""No size, and no share of the processors."""


def run_flags(step: RunContainer, network: str | None) -> Iterator[str]:
    """Flags of `docker run` and `podman run`, but for mounts and limits; `network` is for a step
    without one.
    """
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


def _variable(step: RunContainer, name: str, value: str) -> str:
    # The client takes a bare name's value from its environment, which is rbuild's.
    return name if name in step.secret_environment else f"{name}={value}"


def command_after_image(step: RunContainer) -> tuple[str, ...]:
    """What comes after the image: `--entrypoint` takes one word, the others precede the command."""
    return (*(step.entrypoint or ())[1:], *step.command)


def run_limits(limits: Limits) -> Iterator[str]:
    """Flags of `docker run` and `podman run` for the limits of a container."""
    limits = effective_limits(limits)
    yield from (f"{option}={value}" for option, value in cgroup_limits(limits))
    for option, value in (("--cpus", limits.cpus), ("--pids-limit", limits.pids_limit)):
        if value is not None:
            yield f"{option}={value}"
    yield from (f"{option}={value}" for option, value in _other_limits(limits))


def build_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    """Flags, each with its value, for the limits that a build may have in every engine."""
    limits = effective_limits(limits)
    yield from cgroup_limits(limits)
    yield from _other_limits(limits)


def effective_limits(limits: Limits) -> Limits:
    """The limits whose value is one: the others are as if their flags were not given.

    To docker's daemon and podman zero and nothing are no limit (docker's client refuses an empty
    size, which it reads itself). `--pids-limit 0` and `--shm-size 0` do say something to podman.
    """
    return replace(
        limits,
        memory=_amount(limits.memory),
        memory_swap=_amount(limits.memory_swap),
        cpus=_amount(limits.cpus),
        cpu_shares=limits.cpu_shares or None,
        cpu_period=limits.cpu_period or None,
        cpu_quota=limits.cpu_quota or None,
        # The first processor is 0.
        cpuset_cpus=limits.cpuset_cpus or None,
        cpuset_mems=limits.cpuset_mems or None,
        shm_size=limits.shm_size or None,
        cgroup_parent=limits.cgroup_parent or None,
    )


def _amount(value: str | None) -> str | None:
    return None if value is None or _NOTHING.fullmatch(value.strip()) else value


def _other_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    if limits.shm_size is not None:
        yield "--shm-size", limits.shm_size
    yield from (("--ulimit", ulimit) for ulimit in limits.ulimits)


def cgroup_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    """Flags, each with its value, for the limits that a control group sets."""
    limits = effective_limits(limits)
    for option, value in (
        ("--memory", limits.memory),
        ("--memory-swap", limits.memory_swap),
        ("--cpu-shares", limits.cpu_shares),
        ("--cpu-period", limits.cpu_period),
        ("--cpu-quota", limits.cpu_quota),
        ("--cpuset-cpus", limits.cpuset_cpus),
        ("--cpuset-mems", limits.cpuset_mems),
        ("--cgroup-parent", limits.cgroup_parent),
    ):
        if value is not None:
            yield option, str(value)


def cpu_time(cpus: str) -> tuple[int, int]:
    """`--cpus` as a quota and its period, both in microseconds."""
    return int(float(cpus) * _CPU_PERIOD), _CPU_PERIOD
