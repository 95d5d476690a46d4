"""What this host is, gathered once: the settings of a run and the doctor are computed from it.

Nothing here starts a container, asks the network, or changes anything; `gather` takes a few
milliseconds.
"""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from rootless_build.process import which

_PROGRAMS: Final = ("runc", "crun", "slirp4netns", "pasta", "fuse-overlayfs", "newuidmap")


class Cgroups(StrEnum):
    """How control groups are mounted: cgroup2 alone, the old controllers, or both side by side."""

    V2 = "v2"
    V1 = "v1"
    HYBRID = "hybrid"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Facts:
    """The host as data. Directories are absolute; limits are in the units of getrlimit(2).

    `hard_files` and `hard_processes` are None where there is no limit. `runtime_directory` is
    XDG_RUNTIME_DIR when it is set, ours and writable. `storage_drivers` are those that the
    existing storage of this user was made with. `storage_filesystem` is the file system's type
    below the storage (`ext4`, `overlay`, `nfs`).
    """

    uid: int
    home: Path
    kernel: tuple[int, int]
    machine: str
    cgroups: Cgroups
    programs: tuple[str, ...]
    hard_files: int | None
    hard_processes: int | None
    tun: bool
    fuse: bool
    session_bus: bool
    selinux: bool
    runtime_directory: Path | None
    config_directory: Path
    data_directory: Path
    storage_drivers: tuple[str, ...] = ()
    storage_filesystem: str = ""

    @property
    def rootless(self) -> bool:
        """Whether rbuild runs as an ordinary user."""
        return self.uid != 0

    @property
    def storage(self) -> Path:
        """Where podman and buildah keep this user's images when nothing says otherwise."""
        if not self.rootless:
            return Path("/var/lib/containers/storage")
        return self.data_directory / "containers" / "storage"


def gather(environment: Mapping[str, str]) -> Facts:
    """Look at this host, with the XDG variables of `environment`."""
    home = Path(environment.get("HOME") or "~").expanduser()
    uid = os.getuid()
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local/share")
    runtime = _own_directory(Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"), uid)
    storage = data / "containers/storage" if uid else Path("/var/lib/containers/storage")
    mounts = _mounts()
    return Facts(
        uid=uid,
        home=home,
        kernel=_kernel(platform.release()),
        machine=platform.machine(),
        cgroups=_cgroups(mounts),
        programs=tuple(program for program in _PROGRAMS if which(program)),
        hard_files=_hard(resource.RLIMIT_NOFILE),
        hard_processes=_hard_processes(),
        tun=_usable(Path("/dev/net/tun")),
        fuse=_usable(Path("/dev/fuse")),
        session_bus=_session_bus(environment, runtime),
        selinux=_first_line(Path("/sys/fs/selinux/enforce")) == "1",
        runtime_directory=runtime,
        config_directory=Path(environment.get("XDG_CONFIG_HOME") or home / ".config"),
        data_directory=data,
        storage_drivers=_storage_drivers(storage),
        storage_filesystem=_filesystem(storage, mounts),
    )


def _hard(limit: int) -> int | None:
    hard = resource.getrlimit(limit)[1]
    return None if hard == resource.RLIM_INFINITY else hard


def _hard_processes() -> int | None:
    """podman 4.3.1 lowers its own limit to kernel.pid_max before it starts a container."""
    limits = [_hard(resource.RLIMIT_NPROC)]
    pid_max = _first_line(Path("/proc/sys/kernel/pid_max"))
    limits.append(int(pid_max) if pid_max.isdigit() else None)
    return min((limit for limit in limits if limit is not None), default=None)


def _usable(device: Path) -> bool:
    return os.access(device, os.R_OK | os.W_OK)


def _first_line(path: Path) -> str:
    try:
        with path.open() as lines:
            return lines.readline().strip()
    except OSError:
        return ""


def _kernel(release: str) -> tuple[int, int]:
    parts = release.split("-", maxsplit=1)[0].split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        return 0, 0


def _own_directory(path: Path, uid: int) -> Path | None:
    try:
        owner = path.stat().st_uid
    except OSError:
        return None
    return path if owner == uid and os.access(path, os.W_OK | os.X_OK) else None


def _session_bus(environment: Mapping[str, str], runtime: Path | None) -> bool:
    if environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    return runtime is not None and (runtime / "bus").is_socket()


def _mounts() -> tuple[tuple[Path, str], ...]:
    """Mount points and file system types, in the order of /proc/self/mountinfo (proc(5))."""
    found = []
    with Path("/proc/self/mountinfo").open(errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            point = before.split()[4].replace("\\040", " ")
            found.append((Path(point), after.split()[0]))
    return tuple(found)


def _cgroups(mounts: tuple[tuple[Path, str], ...]) -> Cgroups:
    kinds = {kind for point, kind in mounts if point.is_relative_to("/sys/fs/cgroup")}
    match "cgroup2" in kinds, "cgroup" in kinds:
        case True, False:
            return Cgroups.V2
        case True, True:
            return Cgroups.HYBRID
        case False, True:
            return Cgroups.V1
        case _:
            return Cgroups.NONE


def _filesystem(path: Path, mounts: tuple[tuple[Path, str], ...]) -> str:
    covering = [(point, kind) for point, kind in mounts if path.is_relative_to(point)]
    # The longest mount point is the nearest; of two mounts in one place the later one is seen.
    depth = max((len(point.parts) for point, _ in covering), default=0)
    return next((kind for point, kind in reversed(covering) if len(point.parts) == depth), "")


def _storage_drivers(storage: Path) -> tuple[str, ...]:
    """containers/storage keeps `DRIVER-layers/layers.json` for each driver it was used with."""
    try:
        return tuple(
            sorted(
                entry.name.removesuffix("-layers")
                for entry in storage.iterdir()
                if entry.name.endswith("-layers") and (entry / "layers.json").exists()
            )
        )
    except OSError:
        return ()
