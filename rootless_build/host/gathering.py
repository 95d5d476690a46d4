"""Reads the facts about this host that every run needs, in a few milliseconds.

Nothing here starts a program, asks the network, or changes anything.
"""

from __future__ import annotations

import os
import platform
import pwd
import re
import resource
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build.host import podman_database
from rootless_build.host.facts import Account, Cgroups, Facts, Namespaces, Range
from rootless_build.process import mount_table, proc, user_directories
from rootless_build.process.programs import which

Mounts = tuple[tuple[Path, str, frozenset[str]], ...]
"""Mount point, file system type and mount options, in the order of /proc/self/mountinfo."""

_PROGRAMS: Final = (
    *("runc", "crun", "slirp4netns", "pasta", "fuse-overlayfs", "newuidmap", "newgidmap"),
    *("podman", "buildah", "docker", "make", "git", "mmdebstrap"),
)
_MAPPERS: Final = ("newuidmap", "newgidmap")
_REMOTE: Final = ("CONTAINER_HOST", "CONTAINER_CONNECTION", "DOCKER_HOST")
_FIRST: Final = 100000
"""SUB_UID_MIN of login.defs(5)."""
_CAPABILITY: Final = "security.capability"


def gather(environment: Mapping[str, str]) -> Facts:
    """Read the facts, with the XDG variables of `environment`."""
    uid = os.getuid()
    data = user_directories.data(environment)
    config = user_directories.config(environment)
    runtime = _own_directory(user_directories.runtime(environment), uid)
    storage = data / "containers/storage" if uid else Path("/var/lib/containers/storage")
    mounted = mounts()
    return Facts(
        uid=uid,
        home=user_directories.home(environment),
        kernel=kernel(platform.release()),
        machine=platform.machine(),
        cgroups=cgroups(mounted),
        programs=tuple(program for program in _PROGRAMS if which(program)),
        hard_files=_hard(resource.RLIMIT_NOFILE),
        hard_processes=_hard_processes(),
        tun=_usable(Path("/dev/net/tun")),
        fuse=_usable(Path("/dev/fuse")),
        session_bus=_session_bus(environment, runtime),
        selinux=proc.first_line(Path("/sys/fs/selinux/enforce")) == "1",
        runtime_directory=runtime,
        config_directory=config,
        data_directory=data,
        storage_drivers=_storage_drivers(storage),
        storage_filesystem=filesystem(storage, mounted)[0],
        system=platform.system(),
        account=_account(uid),
        namespaces=_namespaces(),
        ignores_owners=_ignores_owners(config),
        remote=any(environment.get(name) for name in _REMOTE),
    )


# --- devices, limits, directories ---------------------------------------------------------------


def _hard(limit: int) -> int | None:
    hard = resource.getrlimit(limit)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def _hard_processes() -> int | None:
    """podman 4.3.1 lowers its own limit to kernel.pid_max before it starts a container."""
    limits = (_hard(resource.RLIMIT_NPROC), proc.number("kernel/pid_max"))
    return min((limit for limit in limits if limit is not None), default=None)


def _usable(device: Path) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def kernel(release: str) -> tuple[int, int]:
    """The numbers of a kernel's release."""
    parts = release.split("-", maxsplit=1)[0].split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return 0, 0


def _own_directory(path: Path, uid: int) -> Path | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    # In one that others can write to they could put what engines trust.
    own = seen.st_uid == uid and stat.S_ISDIR(seen.st_mode) and not seen.st_mode & 0o022
    return path if own and os.access(path, os.W_OK | os.X_OK) else None


def _session_bus(environment: Mapping[str, str], runtime: Path | None) -> bool:
    if environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    return runtime is not None and (runtime / "bus").is_socket()


# --- mounts, control groups, storage ------------------------------------------------------------


def mounts() -> Mounts:
    """What is mounted (proc(5)); nothing where there is no /proc."""
    try:
        return tuple((Path(each.point), each.kind, each.options) for each in mount_table.mounts())
    except OSError:
        return ()


def cgroups(mounted: Mounts) -> Cgroups:
    """How control groups are mounted."""
    kinds = {kind for point, kind, _ in mounted if point.is_relative_to("/sys/fs/cgroup")}
    match "cgroup2" in kinds, "cgroup" in kinds:
        case True, False:
            return Cgroups.V2
        case True, True:
            return Cgroups.HYBRID
        case False, True:
            return Cgroups.V1
        case _:
            return Cgroups.NONE


def filesystem(path: Path, mounted: Mounts) -> tuple[str, frozenset[str]]:
    """The type and the mount options of the file system a path is on."""
    covering = [mount for mount in mounted if path.is_relative_to(mount[0])]
    # The longest mount point is the nearest; of two mounts in one place the later one is seen.
    depth = max((len(point.parts) for point, *_ in covering), default=0)
    nearest = (mount for mount in reversed(covering) if len(mount[0].parts) == depth)
    return next(((kind, options) for _, kind, options in nearest), ("", frozenset()))


def _storage_drivers(storage: Path) -> tuple[str, ...]:
    """containers/storage keeps `DRIVER-layers/layers.json` for each driver it was used with."""
    try:
        used = sorted(
            entry.name.removesuffix("-layers")
            for entry in storage.iterdir()
            if entry.name.endswith("-layers") and (entry / "layers.json").exists()
        )
    except OSError:
        return ()
    if used:
        return tuple(used)
    named = podman_database.driver(storage)
    return (named,) if named else ()


# --- the account and its user namespaces --------------------------------------------------------


def _account(uid: int) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    status = proc.status()
    all_uids, all_gids = _ranges(Path("/etc/subuid")), _ranges(Path("/etc/subgid"))
    subuids, others = ours(all_uids, {name, str(uid)})
    subgids, more = ours(all_gids, {name, str(uid)})
    taken = (found.end for _, found in (*(all_uids or ()), *(all_gids or ())))
    if _elsewhere():
        subuids = subgids = None
    bounding = status.get("CapBnd")
    return Account(
        name=name,
        subuids=subuids,
        subgids=subgids,
        free=max((_FIRST, *taken)),
        overlaps=tuple(sorted({*others, *more})),
        mappers=tuple(program for program in _MAPPERS if _is_privileged(program)),
        no_new_privileges=status.get("NoNewPrivs") == "1",
        bounding=int(bounding, 16) if bounding else None,
    )


def _ignores_owners(config: Path) -> bool:
    for place in (config / "containers", Path("/etc/containers")):
        path = place / "storage.conf"
        if path.is_file():
            setting = re.compile(r'^\s*ignore_chown_errors\s*=\s*"?true', re.MULTILINE)
            return setting.search(path.read_text(errors="replace")) is not None
    return False


def _ranges(path: Path) -> tuple[tuple[str, Range], ...] | None:
    """Owners and ranges of subuid(5); None when the file can't be read."""
    try:
        return ranges_in(path.read_text(errors="replace"))
    except FileNotFoundError:
        return ()
    except OSError:
        return None


def ranges_in(text: str) -> tuple[tuple[str, Range], ...]:
    """Owners and ranges in the text of a file of subuid(5)."""
    found = []
    for line in text.splitlines():
        owner, _, rest = line.partition(":")
        start, _, count = rest.partition(":")
        if start.isdigit() and count.isdigit():
            found.append((owner, Range(int(start), int(count))))
    return tuple(found)


def ours(
    ranges: tuple[tuple[str, Range], ...] | None, names: set[str]
) -> tuple[tuple[Range, ...] | None, set[str]]:
    """Our ranges, and the other accounts that have some of the same ids."""
    if ranges is None:
        return None, set()
    ours = tuple(found for owner, found in ranges if owner in names)
    others = {
        owner
        for owner, theirs in ranges
        if owner not in names
        and any(theirs.start < own.end and own.start < theirs.end for own in ours)
    }
    return ours, others


def _elsewhere() -> bool:
    """Whether subordinate ids come from a directory service (`subid: sss`, nsswitch.conf(5))."""
    try:
        return from_elsewhere(Path("/etc/nsswitch.conf").read_text(errors="replace"))
    except OSError:
        return False


def from_elsewhere(names: str) -> bool:
    """Whether the text of an nsswitch.conf has subordinate ids come from anywhere but files."""
    return any(
        line.startswith("subid:") and line.partition(":")[2].split("#")[0].split() != ["files"]
        for line in names.splitlines()
    )


def _is_privileged(program: str) -> bool:
    path = which(program)
    if path is None:
        return False
    try:
        seen = path.stat()
        if seen.st_mode & stat.S_ISUID and seen.st_uid == 0:
            return True
        return _CAPABILITY in os.listxattr(path)
    except OSError:
        return False


def _namespaces() -> Namespaces:
    return Namespaces(
        maximum=proc.number("user/max_user_namespaces"),
        unprivileged=proc.setting("kernel/unprivileged_userns_clone") != "0",
        apparmor=proc.setting("kernel/apparmor_restrict_unprivileged_userns") == "1",
        profiles=_exempt(),
    )


def _exempt() -> tuple[str, ...]:
    """Engines with an AppArmor profile in the place where Ubuntu 24.04 has them."""
    found = []
    for engine in ("podman", "buildah"):
        path = which(engine)
        if path is None:
            continue
        dotted = str(path).strip("/").replace("/", ".")
        profiles = [dotted, engine] if path == Path("/usr/bin", engine) else [dotted]
        if any(Path("/etc/apparmor.d", profile).is_file() for profile in profiles):
            found.append(engine)
    return tuple(found)
