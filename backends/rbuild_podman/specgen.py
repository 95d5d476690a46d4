"""A RunContainer as the JSON that podman's API makes a container of.

The body of POST /libpod/containers/create (podman's API documentation, "SpecGenerator"), tried on
podman 4.3.1. podman-py's own `containers.create` drops keywords it does not know without a word.
"""

from __future__ import annotations

import re
import signal
from typing import cast

from rbuild_containers.flags import cpu_time, effective_limits
from rbuild_containers.id_maps import id_maps
from rootless_build.backend import (
    BindMount,
    CallerIds,
    EngineSettings,
    Image,
    Json,
    Limits,
    Mount,
    RunContainer,
    TmpfsMount,
    UnsupportedError,
    VolumeMount,
)

Spec = dict[str, Json]

_OTHER_SIGNALS = {
    "STKFLT": 16,
    **{f"RTMIN+{number}": signal.SIGRTMIN + number for number in range(1, 16)},
    **{f"RTMAX-{number}": signal.SIGRTMAX - number for number in range(1, 15)},
}
"""What docker and podman know besides Python (moby/sys/signal); RTMIN+3 stops systemd."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_INFINITY = 2**64 - 1
_TMPFS_DEFAULTS = (("rw", "ro"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec"))


def container_spec(
    step: RunContainer,
    image: Image,
    settings: EngineSettings,
    default_ulimits: tuple[str, ...] = (),
) -> Spec:
    """The body of the request. Named volumes are expected to exist.

    `default_ulimits` hold where the step sets no limit of that name.

    Raises UnsupportedError for what podman can't do.
    """
    spec: Spec = {
        "image": image.id,
        "raw_image_name": step.image,
        "env": dict(step.environment),
        # Neither the host's proxies nor its whole environment, and no special treatment of systemd.
        "httpproxy": False,
        "env_host": False,
        "systemd": "false",
        "labels": dict(step.labels),
        "terminal": step.tty,
        "stdin": step.interactive,
        "remove": False,
        # The output is read while it appears; a copy on disk would be read by nobody.
        "log_configuration": {"driver": "none"},
        "privileged": step.privileged,
        "init": step.init,
        "read_only_filesystem": step.read_only,
        # docker adds nothing to the image's /etc/passwd and /etc/group.
        "manage_password": False,
        "netns": network_namespace(step.network, settings.network),
    }
    if step.command:
        spec["command"] = list(step.command)
    if step.entrypoint is not None:
        # One empty word is podman's "no entrypoint"; an empty list would mean the image's.
        spec["entrypoint"] = list(step.entrypoint) or [""]
    if step.working_directory is not None:
        spec["work_dir"] = step.working_directory
        spec["create_working_dir"] = True
    if not step.tty and not {"TERM"} & {n for n, _ in (*step.environment, *image.environment)}:
        # podman sets TERM=xterm where there is no terminal; docker does not.
        spec["unsetenv"] = ["TERM"]
    _optional(spec, step)
    _namespaces(spec, step)
    if step.caller_ids is not None:
        _exchange_ids(spec, step.caller_ids, settings)
    _mounts(spec, step.mounts)
    _network(spec, step)
    for option in step.security_options:
        _security(spec, option)
    _limits(spec, step.limits)
    # Later ones win, as on docker's command line.
    rlimits = {ulimit["type"]: ulimit for ulimit in map(_ulimit, default_ulimits)}
    rlimits |= {ulimit["type"]: ulimit for ulimit in map(_ulimit, step.limits.ulimits)}
    if rlimits:
        spec["r_limits"] = list(rlimits.values())
    return spec


def _optional(spec: Spec, step: RunContainer) -> None:
    values: dict[str, Json] = {
        "name": step.name,
        "user": step.user,
        "hostname": step.hostname,
        "groups": list(step.group_add),
        "cap_add": list(step.cap_add),
        "cap_drop": list(step.cap_drop),
        "sysctl": dict(step.sysctls),
        "hostadd": list(step.add_hosts),
        "dns_server": list(step.dns),
        "devices": [{"path": device} for device in step.devices],
        "stop_signal": _signal_number(step.stop_signal),
        "stop_timeout": step.stop_timeout,
    }
    spec.update({key: value for key, value in values.items() if value not in (None, [], {})})


def _signal_number(name: str | None) -> int | None:
    if name is None:
        return None
    if name.isdecimal():
        return int(name)
    word = name.upper().removeprefix("SIG")
    if word in _OTHER_SIGNALS:
        return _OTHER_SIGNALS[word]
    try:
        return signal.Signals[f"SIG{word}"].value
    except KeyError:
        message = f"there is no signal called {name}"
        raise UnsupportedError(message) from None


# --- namespaces and network ---------------------------------------------------------------------


def _namespace(mode: str) -> Spec:
    kind, colon, value = mode.partition(":")
    kind = "path" if kind == "ns" else kind
    return {"nsmode": kind, "value": value} if colon else {"nsmode": kind}


def _namespaces(spec: Spec, step: RunContainer) -> None:
    for key, mode in (
        ("pidns", step.pid),
        ("ipcns", step.ipc),
        ("utsns", step.uts),
        ("userns", step.userns),
        ("cgroupns", step.cgroupns),
    ):
        if mode:
            spec[key] = _namespace(mode)


def _exchange_ids(spec: Spec, caller: CallerIds, settings: EngineSettings) -> None:
    spec["userns"] = {"nsmode": "private"}
    spec["idmappings"] = {
        kind: [
            {"container_id": each.container, "host_id": each.host, "size": each.size}
            for each in ids
        ]
        for kind, ids in zip(("UIDMap", "GIDMap"), id_maps(caller, settings), strict=True)
    }


_NETWORK_MODES = {"host", "none", "private", "slirp4netns", "pasta", "container", "ns", "bridge"}


def network_namespace(mode: str | None, default: str | None) -> Spec:
    """The `netns` of a container; `default` holds where the step names no mode."""
    chosen = default if mode in {None, "default"} else mode
    if chosen is None:
        return {"nsmode": "default"}
    if chosen.partition(":")[0] not in _NETWORK_MODES:
        return {"nsmode": "bridge"}
    return _namespace(chosen)


def _network(spec: Spec, step: RunContainer) -> None:
    mode = step.network
    if mode and mode != "default" and mode.partition(":")[0] not in _NETWORK_MODES:
        spec["Networks"] = {mode: {}}
    if step.publish:
        spec["portmappings"] = [_port_mapping(text) for text in step.publish]


def _port_mapping(text: str) -> Spec:
    """`[IP:][HOST:]CONTAINER[/PROTOCOL]`, where ports may be ranges."""
    ports, _, protocol = text.partition("/")
    head, _, inside = ports.rpartition(":")
    address, _, outside = head.rpartition(":")
    first, last = _range(inside, text)
    mapping: Spec = {"container_port": first, "range": last - first + 1}
    if outside:
        host_first, host_last = _range(outside, text)
        if host_last - host_first != last - first:
            message = f"the ranges in the published ports {text} differ in length"
            raise UnsupportedError(message)
        mapping["host_port"] = host_first
    if address:
        mapping["host_ip"] = address.strip("[]")
    if protocol:
        mapping["protocol"] = protocol.lower()
    return mapping


def _range(ports: str, whole: str) -> tuple[int, int]:
    first, _, last = ports.partition("-")
    try:
        return int(first), int(last or first)
    except ValueError:
        message = f"{whole} is no published port"
        raise UnsupportedError(message, hint="write [IP:][HOST:]CONTAINER[/tcp|/udp]") from None


# --- mounts -------------------------------------------------------------------------------------


def _mounts(spec: Spec, mounts: tuple[Mount, ...]) -> None:
    plain: list[Json] = []
    volumes: list[Json] = []
    for mount in mounts:
        match mount:
            case BindMount():
                options = ["rbind", "ro" if mount.read_only else "rw"]
                options.append(mount.propagation or "rprivate")
                plain.append(
                    {
                        "type": "bind",
                        "source": str(mount.source),
                        "destination": mount.target,
                        "options": cast("list[Json]", options),
                    }
                )
            case TmpfsMount():
                plain.append(
                    {
                        "type": "tmpfs",
                        "source": "tmpfs",
                        "destination": mount.target,
                        "options": cast("list[Json]", tmpfs_options(mount.options)),
                    }
                )
            case VolumeMount():
                words = ["ro"] if mount.read_only else ["rw"]
                if not mount.copy:
                    words.append("nocopy")
                volumes.append(
                    {
                        "Name": mount.name or "",
                        "Dest": mount.target,
                        "Options": cast("list[Json]", words),
                    }
                )
    if plain:
        spec["mounts"] = plain
    if volumes:
        spec["volumes"] = volumes


def tmpfs_options(options: tuple[str, ...]) -> list[str]:
    """The mount options with docker's defaults where none is given.

    podman's own would copy into the tmpfs what the image has there.
    """
    given = set(options)
    defaults = [default for default, opposite in _TMPFS_DEFAULTS if not given & {default, opposite}]
    if not any(option.startswith("mode=") for option in options):
        defaults.append("mode=1777")
    if "tmpcopyup" not in given:
        defaults.append("notmpcopyup")
    return [*options, *defaults]


# --- security and limits ------------------------------------------------------------------------


def _security(spec: Spec, option: str) -> None:
    key, _, value = option.replace(":", "=", 1).partition("=")
    match key, value:
        case "label", _:
            labels = cast("list[Json]", spec.setdefault("selinux_opts", []))
            labels.append(value)
        case "seccomp", _:
            spec["seccomp_profile_path"] = value
        case "apparmor", _:
            spec["apparmor_profile"] = value
        case "no-new-privileges", ("" | "true" | "false"):
            spec["no_new_privileges"] = value != "false"
        case "systempaths", "unconfined":
            spec["unmask"] = ["ALL"]
        case (("mask" | "unmask"), _):
            spec[key] = cast("list[Json]", value.split(":"))
        case "proc-opts", _:
            spec["procfs_opts"] = cast("list[Json]", value.split(","))
        case _:
            message = f"podman has no security option {option}"
            raise UnsupportedError(message)


def _limits(spec: Spec, limits: Limits) -> None:
    limits = effective_limits(limits)
    memory: Spec = {"limit": _bytes(limits.memory), "swap": _bytes(limits.memory_swap)}
    cpu: Spec = {
        "shares": limits.cpu_shares,
        "period": limits.cpu_period,
        "quota": limits.cpu_quota,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
    }
    if limits.cpus is not None:
        cpu["quota"], cpu["period"] = cpu_time(limits.cpus)
    resources: Spec = {}
    pids: Spec = {"limit": limits.pids_limit}
    for key, values in (("memory", memory), ("cpu", cpu), ("pids", pids)):
        given: Spec = {name: value for name, value in values.items() if value is not None}
        if given:
            resources[key] = given
    if resources:
        spec["resource_limits"] = resources
    if limits.shm_size is not None:
        spec["shm_size"] = _bytes(limits.shm_size)
    if limits.cgroup_parent is not None:
        spec["cgroup_parent"] = limits.cgroup_parent


def _bytes(size: str | None) -> int | None:
    if size is None:
        return None
    if size == "-1":
        return -1
    match = _SIZE.fullmatch(size.strip())
    if match is None:
        message = f"{size} is no size"
        raise UnsupportedError(message, hint="write a number and b, k, m or g: 512m")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _ulimit(text: str) -> Spec:
    name, _, values = text.partition("=")
    soft, _, hard = values.partition(":")
    try:
        return {"type": name, "soft": _unsigned(soft), "hard": _unsigned(hard or soft)}
    except ValueError:
        message = f"{text} is no ulimit"
        raise UnsupportedError(message, hint="write NAME=SOFT[:HARD]") from None


def _unsigned(limit: str) -> int:
    """The API has numbers of 64 bits without a sign; RLIM_INFINITY is the largest of them."""
    number = int(limit)
    return number if number >= 0 else _INFINITY
