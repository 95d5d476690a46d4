"""From the host's facts to the engines' settings: one table, each row with its reason.

The settings go to files that are private to the run and named by CONTAINERS_CONF and
CONTAINERS_STORAGE_CONF; nothing of the user's is changed, and what the user has set stays where it
works. Measured with podman 4.3.1 and buildah 1.28.2 unless a row says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rootless_build.backend import Adaptation
from rootless_build.host.facts import Cgroups, Facts

Table = dict[str, object]
"""One table of a TOML file, tables within it included."""

DEFAULT_FILES: Final = 1048576
"""The nofile and nproc limits podman gives a container when nothing says otherwise."""
NATIVE_OVERLAY: Final = (5, 13)
"""The kernel that first mounts overlay for an ordinary user without fuse."""
NETWORK_FILESYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "afs"})
"""Their servers refuse owners they do not know, as subordinate ids are."""
_NO_OVERLAY_ON: Final = frozenset({"overlay", "tmpfs-no-xattr"})


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of containers.conf or storage.conf: `table` is dotted, `forced` beats the user's own.

    `forced` settings are those without which no container starts on such a host.
    """

    table: str
    key: str
    value: object
    reason: str
    forced: bool = False

    @property
    def adaptation(self) -> Adaptation:
        """The row as the user reads it."""
        return Adaptation(f"{self.table}.{self.key}", _shown(self.value), self.reason)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def containers_settings(facts: Facts) -> Iterator[Setting]:
    """What containers.conf must say on this host (containers.conf(5))."""
    if facts.cgroups is Cgroups.HYBRID and "runc" in facts.programs:
        yield Setting(
            "engine", "runtime", "runc", "crun 1.8 refuses hybrid control groups", forced=True
        )
    if facts.rootless and not (facts.cgroups is Cgroups.V2 and facts.session_bus):
        yield Setting(
            "engine",
            "cgroup_manager",
            "cgroupfs",
            "there is no systemd session that could make control groups for this user",
            forced=True,
        )
    limits = [
        f"{name}={hard}:{hard}"
        for name, hard in (("nofile", facts.hard_files), ("nproc", facts.hard_processes))
        if hard is not None and hard < DEFAULT_FILES
    ]
    if limits:
        yield Setting(
            "containers",
            "default_ulimits",
            limits,
            "podman's defaults are above this host's hard limits (ulimit -Hn, -Hu)",
        )
    if facts.selinux:
        yield Setting(
            "containers", "label", False, "a relabelled checkout would be lost to other programs"
        )
    yield Setting(
        "containers", "log_driver", "k8s-file", "the journal cuts and drops lines", forced=True
    )
    yield Setting("containers", "http_proxy", False, "the same steps on every backend")
    yield Setting("containers", "pids_limit", 0, "docker sets no limit; a large build needs more")
    yield Setting("engine", "events_logger", "file", "needs no journal")


def storage_settings(facts: Facts, *, has_fuse_overlayfs: bool) -> Iterator[Setting]:
    """What storage.conf must say for a user who has none (containers-storage.conf(5))."""
    driver, reason = _driver(facts, has_fuse_overlayfs=has_fuse_overlayfs)
    yield Setting("storage", "driver", driver, reason)
    if facts.storage_filesystem in NETWORK_FILESYSTEMS:
        reason = f"{facts.storage} is on {facts.storage_filesystem}, which refuses subordinate ids"
        yield Setting("storage", "graphroot", str(local_storage(facts)), reason)
    else:
        reason = "the user's own images stay usable"
        yield Setting("storage", "graphroot", str(facts.storage), reason)
    runroot = facts.runtime_directory / "containers" if facts.runtime_directory else None
    if runroot is not None:
        yield Setting("storage", "runroot", str(runroot), "podman's own default")
    native = facts.kernel >= NATIVE_OVERLAY
    if driver == "overlay" and not native and has_fuse_overlayfs:
        yield Setting(
            "storage.options.overlay",
            "mount_program",
            "fuse-overlayfs",
            f"kernel {facts.kernel[0]}.{facts.kernel[1]} can't mount overlay for a user",
        )


def local_storage(facts: Facts) -> Path:
    """Where images are kept for a user whose home is on a file server."""
    return facts.scratch / f"rbuild-{facts.uid}" / "storage"


def _driver(facts: Facts, *, has_fuse_overlayfs: bool) -> tuple[str, str]:
    if facts.storage_drivers and facts.storage_filesystem not in NETWORK_FILESYSTEMS:
        driver = "overlay" if "overlay" in facts.storage_drivers else facts.storage_drivers[0]
        return driver, "the existing storage was made with it"
    if facts.storage_filesystem in _NO_OVERLAY_ON:
        return "vfs", f"overlay does not work on {facts.storage_filesystem}"
    if facts.kernel >= NATIVE_OVERLAY:
        return "overlay", "the kernel mounts overlay for ordinary users"
    if has_fuse_overlayfs:
        return "overlay", "through fuse-overlayfs"
    return "vfs", "neither the kernel nor fuse-overlayfs can mount overlay for this user"


def network(facts: Facts) -> Adaptation | None:
    """The network mode for steps that name none; None: the engine's own default works."""
    if not facts.rootless:
        return None
    if not {"slirp4netns", "pasta"} & set(facts.programs):
        return Adaptation("network", "host", "neither slirp4netns nor pasta is installed")
    if not facts.tun:
        return Adaptation("network", "host", "/dev/net/tun can't be opened by this user")
    return None


def isolation(facts: Facts) -> Adaptation | None:
    """buildah's isolation; None: its own default works."""
    runtimes = {"runc", "crun"} & set(facts.programs)
    if facts.cgroups is Cgroups.HYBRID:
        runtimes -= {"crun"}
    if runtimes:
        return None
    reason = "no OCI runtime here copes with this host's control groups"
    return Adaptation("isolation", "chroot", reason)


def identity(containers: Mapping[str, object], isolation: str) -> str:
    """What stands for the settings that can change what an engine makes: all of containers.conf
    but the network and the limits of this shell.
    """
    kept = {name: value for name, value in containers.items() if name != "network"}
    section = kept.get("containers")
    if isinstance(section, Mapping):
        kept["containers"] = {k: v for k, v in section.items() if k != "default_ulimits"}
    # TOML has dates, and nothing else that is not JSON.
    return json.dumps([kept, isolation], sort_keys=True, default=str)


def merged(base: Mapping[str, object], over: Mapping[str, object]) -> Table:
    """`over` laid over `base`; tables are merged, everything else is replaced."""
    result: Table = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def applied(settings: Iterator[Setting], user: Table) -> tuple[Table, tuple[Adaptation, ...]]:
    """The user's tables with the settings in them, and those that made a difference."""
    result = user
    made = []
    for setting in settings:
        existing = _look_up(user, setting.table, setting.key)
        if existing == setting.value or (existing is not None and not setting.forced):
            continue
        nested: Table = {setting.key: setting.value}
        for name in reversed(setting.table.split(".")):
            nested = {name: nested}
        result = merged(result, nested)
        made.append(setting.adaptation)
    return result, tuple(made)


def _look_up(tables: Mapping[str, object], table: str, key: str) -> object:
    here: object = tables
    for name in (*table.split("."), key):
        if not isinstance(here, Mapping):
            return None
        here = here.get(name)
    return here


def configuration_files(facts: Facts, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files podman would read when CONTAINERS_CONF is not set, the strongest last.

    Source: containers.conf(5), FILES. With CONTAINERS_CONF set, that file alone.
    """
    own = environment.get("CONTAINERS_CONF")
    if own:
        return (Path(own),)
    found = []
    places = (Path("/usr/share/containers"), Path("/etc/containers"))
    for place in (*places, facts.config_directory / "containers"):
        found.append(place / "containers.conf")
        found.extend(sorted((place / "containers.conf.d").glob("*.conf")))
    return tuple(path for path in found if path.is_file())
