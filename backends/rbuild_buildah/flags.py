"""From a step to the flags of `buildah from` and `buildah run`; what buildah can't do, as tables.

Facts: buildah 1.28.2, each flag tried; buildah-from(1), buildah-run(1). What `from` is given holds
for every `run` of the container.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from rbuild_buildah.command import CHROOT, isolation_arguments
from rbuild_containers.flags import cgroup_limits, cpu_time, effective_limits
from rbuild_containers.id_maps import id_maps
from rootless_build.backend import (
    BindMount,
    EngineSettings,
    Image,
    Limits,
    RunContainer,
    Stdio,
    StepFailedError,
    TmpfsMount,
    UnsupportedError,
)

_DEVICES: Final = ("/dev/fuse", "/dev/net/tun", "/dev/kvm")
"""What a privileged build may want of the host's devices; buildah has no flag for all of them."""


class _Row(Struct, frozen=True):
    """A flag of `docker run`; `asked` is true when the step wants what buildah does not do."""

    flag: str
    asked: Callable[[RunContainer], object]


def _other_namespace(mode: str | None, *known: str) -> bool:
    return mode not in {None, "", "private", "host", *known}


UNSUPPORTED: Final = (
    # `buildah run` takes variables on its command line alone, where everybody can read them.
    _Row("--secret-env", lambda step: step.secret_environment),
    _Row("--publish", lambda step: step.publish and step.network != "host"),
    _Row("--group-add", lambda step: step.group_add),
    _Row("--read-only", lambda step: step.read_only),
    _Row("--sysctl", lambda step: step.sysctls),
    _Row("--pid", lambda step: _other_namespace(step.pid)),
    _Row("--ipc", lambda step: _other_namespace(step.ipc, "shareable")),
    _Row("--uts", lambda step: _other_namespace(step.uts)),
    _Row("--userns", lambda step: step.userns not in {None, "", "host"}),
    _Row("--cgroupns", lambda step: _other_namespace(step.cgroupns)),
    _Row(
        "--network",
        lambda step: _other_namespace(step.network, "none", "bridge", "default"),
    ),
)
"""The command could tell the difference, and buildah has no such flag."""

WITHOUT_EFFECT: Final = (
    _Row("--publish", lambda step: step.publish and step.network == "host"),
    _Row("--init", lambda step: step.init),
    _Row("--pids-limit", lambda step: step.limits.pids_limit),
    _Row("--stop-signal", lambda step: step.stop_signal),
    _Row("--stop-timeout", lambda step: step.stop_timeout),
)
"""What a build makes does not depend on it: the user is told, and the step goes on."""

_SECURITY_OPTIONS: Final = frozenset({"seccomp", "apparmor", "label"})
_SYSTEM_PATHS: Final = frozenset({"systempaths", "mask", "unmask"})
"""buildah always masks; a privileged command can unmount what is in its way."""
_TMPFS_OPTIONS: Final = frozenset({"ro", "noexec", "nosuid", "nodev"})
_TMPFS_OPPOSITES: Final = {"rw": "ro", "exec": "noexec", "suid": "nosuid", "dev": "nodev"}
_TMPFS_VALUES: Final = {"size": "tmpfs-size", "mode": "tmpfs-mode"}


def check(step: RunContainer, settings: EngineSettings) -> None:
    """Raises UnsupportedError for the first thing the step asks that buildah can't do."""
    for row in UNSUPPORTED:
        if row.asked(step):
            value = f" {step.network}" if row.flag == "--network" else ""
            raise _unsupported(row.flag + value)
    for mount in step.mounts:
        if isinstance(mount, TmpfsMount):
            mount_arguments(mount)
    if settings.isolation == CHROOT:
        _check_chroot(step, settings)


def _check_chroot(step: RunContainer, settings: EngineSettings) -> None:
    hint = "install an OCI runtime that works here (runc or crun)"
    if _network(step, settings) != "host":
        message = f"buildah's isolation chroot has the host's network only, not {step.network}"
        raise UnsupportedError(message, hint=f"{hint}, or use --network host")
    for device in step.devices:
        source, _, target = device.partition(":")
        if target.partition(":")[0] not in {"", source}:
            message = f"buildah's isolation chroot has the host's /dev, not --device {device}"
            raise UnsupportedError(message, hint=hint)


def without_effect(step: RunContainer, settings: EngineSettings) -> tuple[str, ...]:
    """The flags of `docker run` that the step gives and that do nothing here."""
    found = [row.flag for row in WITHOUT_EFFECT if row.asked(step)]
    if settings.rootless:
        # buildah has no control group of its own then, and runc refuses to set any of these.
        found += [flag for flag, _ in _cgroup_limits(step.limits)]
    found += [f"--security-opt {o}" for o in step.security_options if _key(o) in _SYSTEM_PATHS]
    return tuple(found)


def create_arguments(step: RunContainer, settings: EngineSettings) -> tuple[str, ...]:
    """The flags of `buildah from`, without name and image. Raises UnsupportedError."""
    return tuple(_create(step, settings))


def _create(step: RunContainer, settings: EngineSettings) -> Iterator[str]:
    yield from ("--pull-never", "--quiet", "--http-proxy=false")
    yield from isolation_arguments(settings)
    yield from _id_maps(step, settings)
    if step.privileged:
        yield from ("--cap-add", "all", "--security-opt", "seccomp=unconfined")
        yield from ("--security-opt", "label=disable")
    for option in step.security_options:
        yield from _security_option(option, settings)
    for flag, values in (
        ("--cap-add", step.cap_add),
        ("--cap-drop", step.cap_drop),
        ("--device", (*step.devices, *(_privileged_devices() if step.privileged else ()))),
        ("--add-host", step.add_hosts),
        ("--dns", step.dns),
        ("--ulimit", step.limits.ulimits),
    ):
        for value in values:
            yield from (flag, value)
    if step.limits.shm_size:
        yield from ("--shm-size", step.limits.shm_size)
    if not settings.rootless:
        for flag, limit in _cgroup_limits(step.limits):
            yield from (flag, limit)


def _id_maps(step: RunContainer, settings: EngineSettings) -> Iterator[str]:
    """At `run` they have no effect."""
    if step.caller_ids is not None:
        maps = id_maps(step.caller_ids, settings)
        for flag, ids in zip(("--userns-uid-map", "--userns-gid-map"), maps, strict=True):
            for each in ids:
                yield from (flag, str(each))


def run_arguments(
    step: RunContainer, settings: EngineSettings, image: Image | None, stdio: Stdio
) -> tuple[str, ...]:
    """The flags of `buildah run` but for mounts. `image` None: it is not known yet."""
    return tuple(_run(step, settings, image, stdio))


def _run(
    step: RunContainer, settings: EngineSettings, image: Image | None, stdio: Stdio
) -> Iterator[str]:
    has_terminal = stdio is Stdio.TERMINAL or step.tty
    yield f"--terminal={'true' if has_terminal else 'false'}"
    yield from isolation_arguments(settings)
    network = _network(step, settings)
    if network is not None:
        yield from ("--network", network)
    for flag, mode in (("--pid", step.pid), ("--uts", step.uts), ("--cgroupns", step.cgroupns)):
        if mode:
            yield from (flag, mode)
    if step.ipc in {"host", "private"}:
        yield from ("--ipc", step.ipc)
    if step.hostname is not None:
        yield from ("--hostname", step.hostname)
    if step.working_directory is not None:
        yield from ("--workingdir", step.working_directory)
    if step.user is not None:
        yield from ("--user", step.user)
    known = {name for name, _ in (*step.environment, *(image.environment if image else ()))}
    if has_terminal and "TERM" not in known:
        yield from ("--env", "TERM=xterm")  # as docker does
    for name, value in step.environment:
        yield from ("--env", f"{name}={value}")


def mount_arguments(mount: BindMount | TmpfsMount) -> tuple[str, ...]:
    """`--volume` or `--mount` for one mount. Raises UnsupportedError for an option of tmpfs."""
    if isinstance(mount, TmpfsMount):
        return ("--mount", ",".join(["type=tmpfs", f"destination={mount.target}", *_tmpfs(mount)]))
    options = ["ro" if mount.read_only else "rw"]
    if mount.propagation:
        options.append(mount.propagation)
    paths = (path.replace(":", "\\:") for path in (str(mount.source), mount.target))
    return ("--volume", ":".join([*paths, ",".join(options)]))


def _tmpfs(mount: TmpfsMount) -> list[str]:
    flags = {"noexec": True, "nosuid": True, "nodev": True}
    values = {"tmpfs-mode": "1777"}
    for option in (part for text in mount.options for part in text.split(",") if part):
        name, equals, value = option.partition("=")
        if equals and name in _TMPFS_VALUES:
            values[_TMPFS_VALUES[name]] = value
        elif option in _TMPFS_OPTIONS:
            flags[option] = True
        elif option in _TMPFS_OPPOSITES:
            flags[_TMPFS_OPPOSITES[option]] = False
        else:
            raise _unsupported(f"--tmpfs {mount.target}:{option}")
    return [
        *(flag for flag, wanted in flags.items() if wanted),
        *(f"{name}={value}" for name, value in values.items()),
    ]


def command_line(step: RunContainer, image: Image) -> tuple[str, ...]:
    """Entrypoint and command as docker puts them together: `buildah run` knows neither.

    Raises StepFailedError, status 125, when there is nothing to run.
    """
    if step.entrypoint is None:
        argv = image.entrypoint + (step.command or image.command)
    else:
        argv = step.entrypoint + step.command
    if not argv:
        raise StepFailedError(
            f"no command for the container: neither the step nor the image {step.image} has one",
            status=125,
        )
    return argv


def _network(step: RunContainer, settings: EngineSettings) -> str | None:
    if step.network in {None, "default"}:
        return "host" if settings.isolation == CHROOT else settings.network
    return "private" if step.network == "bridge" else step.network


def _security_option(option: str, settings: EngineSettings) -> Iterator[str]:
    key = _key(option)
    if key in _SYSTEM_PATHS:
        return
    if key not in _SECURITY_OPTIONS:
        raise _unsupported(f"--security-opt {option}")
    # Rootless there is no profile to be free of, and asking for that is an error.
    if key == "apparmor" and settings.rootless:
        return
    yield from ("--security-opt", f"{key}={option[len(key) + 1 :]}")


def _key(option: str) -> str:
    """`seccomp` of `seccomp=unconfined`, and of docker's older `seccomp:unconfined`."""
    return option.replace(":", "=", 1).partition("=")[0]


def _privileged_devices() -> Iterator[str]:
    return (device for device in _DEVICES if os.access(device, os.R_OK | os.W_OK))


def _cgroup_limits(limits: Limits) -> Iterator[tuple[str, str]]:
    limits = effective_limits(limits)
    yield from cgroup_limits(limits)
    if limits.cpus is not None and limits.cpu_quota is None:
        # There is no `--cpus`.
        yield "--cpu-quota", str(cpu_time(limits.cpus)[0])


def _unsupported(flag: str) -> UnsupportedError:
    return UnsupportedError(
        f"buildah can't do {flag}", hint="use --backend podman or --backend docker, which can"
    )
