"""From the host's facts to the engines' settings: one table, each row with its reason.

The settings go to files that are private to the run and named by CONTAINERS_CONF and
CONTAINERS_STORAGE_CONF; nothing of the user's is changed, and what the user has set stays where it
works. Measured with podman 4.3.1 and buildah 1.28.2 unless a row says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Adaptation
from rootless_build.host.facts import WANTED_IDS, Cgroups, Facts, Range

Table = dict[str, object]
"""One table of a TOML file, tables within it included."""

DEFAULT_FILES: Final = 1048576
"""The nofile and nproc limits podman gives a container when nothing says otherwise."""
CHROOT: Final = "chroot"
"""buildah's isolation without an OCI runtime; podman has none like it."""
NATIVE_OVERLAY: Final = (5, 13)
"""The kernel that first mounts overlay for an ordinary user without fuse."""
NETWORK_FILESYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "afs"})
"""File systems whose servers refuse owners they do not know, as subordinate ids are."""
_NO_OVERLAY_ON: Final = frozenset({"overlay", "tmpfs-no-xattr"})


class Setting(Struct, frozen=True):
    """A key of containers.conf or storage.conf: `table` is dotted, `forced` beats the user's own.

    `forced` settings are those without which no container starts on such a host; `works` says so
    of a value that the user has set. `fact` is empty for what is the same on every host.
    """

    table: str
    key: str
    value: object
    reason: str
    forced: bool = False
    fact: str = ""
    works: Callable[[object], bool] = lambda _: True

    @property
    def adaptation(self) -> Adaptation:
        """The row as the user reads it."""
        return Adaptation(f"{self.table}.{self.key}", _display(self.value), self.reason, self.fact)


def _display(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def containers_settings(facts: Facts) -> Iterator[Setting]:
    """What containers.conf must say on this host (containers.conf(5))."""
    if facts.cgroups is Cgroups.HYBRID and "runc" in facts.programs:
        yield Setting(
            "engine",
            "runtime",
            "runc",
            "crun 1.8 refuses them",
            forced=True,
            fact="hybrid control groups",
        )
    if facts.rootless and not (facts.cgroups is Cgroups.V2 and facts.session_bus):
        yield Setting(
            "engine",
            "cgroup_manager",
            "cgroupfs",
            "only a systemd session can make control groups for an ordinary user",
            forced=True,
            fact=f"control groups {facts.cgroups}"
            + ("" if facts.session_bus else ", no systemd session"),
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
            f"podman's default is {DEFAULT_FILES}, and only CAP_SYS_RESOURCE can raise a limit",
            fact="hard limits (ulimit -Hn, -Hu)",
            works=partial(_within, facts),
        )
    if facts.selinux:
        yield Setting(
            "containers",
            "label",
            False,
            "a relabelled checkout would be lost to other programs",
            fact="SELinux enforcing",
        )
    if facts.rootless and "slirp4netns" in facts.programs and "pasta" not in facts.programs:
        yield Setting(
            "network",
            "default_rootless_network_cmd",
            "slirp4netns",
            "podman 5 takes pasta and does not fall back (podman issue 25516)",
            fact="slirp4netns without pasta",
        )
    yield Setting(
        "containers", "log_driver", "k8s-file", "the journal cuts and drops lines", forced=True
    )
    yield Setting("containers", "http_proxy", False, "the same steps on every backend")
    yield Setting("containers", "pids_limit", 0, "docker sets no limit; a large build needs more")
    yield Setting("engine", "events_logger", "file", "needs no journal")


def _within(facts: Facts, ulimits: object) -> bool:
    """Whether the user's own default_ulimits can be set on this host."""
    hard = {"nofile": facts.hard_files, "nproc": facts.hard_processes}
    for row in ulimits if isinstance(ulimits, list) else ():
        name, _, limits = str(row).partition("=")
        most = hard.get(name.strip().lower())
        numbers = [int(number) for number in limits.split(":") if number.strip().isdigit()]
        if most is not None and any(number > most for number in numbers):
            return False
    return True


def storage_settings(facts: Facts, *, has_fuse_overlayfs: bool) -> Iterator[Setting]:
    """What storage.conf must say for a user who has none (containers-storage.conf(5))."""
    driver, reason, fact = _driver(facts, has_fuse_overlayfs=has_fuse_overlayfs)
    yield Setting("storage", "driver", driver, reason, fact=fact)
    if facts.storage_filesystem in NETWORK_FILESYSTEMS:
        place, fact = str(local_storage(facts)), f"{facts.storage} on {facts.storage_filesystem}"
        reason = "a file server refuses subordinate ids as owners"
        yield Setting("storage", "graphroot", place, reason, fact=fact)
        # In a file of which the environment tells podman 4.3.1 to 5.4.2 and buildah 1.28.2 to
        # 1.39.3 obey this alone for ordinary users, podman 5.8.6 and buildah 1.43.2 the former.
        yield Setting("storage", "rootless_storage_path", place, reason, fact=fact)
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
            "the kernel can't mount overlay for an ordinary user",
            fact=f"kernel {facts.kernel[0]}.{facts.kernel[1]}",
        )


def local_storage(facts: Facts) -> Path:
    """Where images are kept for a user whose home is on a file server."""
    return (facts.own_scratch or facts.scratch / f"rbuild-{facts.uid}") / "storage"


def _driver(facts: Facts, *, has_fuse_overlayfs: bool) -> tuple[str, str, str]:
    """The driver, why, and the fact about this host; empty where it is an ordinary one."""
    there = facts.storage_drivers
    if there and facts.storage_filesystem not in NETWORK_FILESYSTEMS:
        driver = "overlay" if "overlay" in there else there[0]
        fact = "" if there == ("overlay",) else f"existing storage: {', '.join(there)}"
        return driver, "the existing storage was made with it", fact
    if facts.storage_filesystem in _NO_OVERLAY_ON:
        fact = f"storage on {facts.storage_filesystem}"
        return "vfs", f"overlay does not work on {facts.storage_filesystem}", fact
    if facts.kernel >= NATIVE_OVERLAY:
        return "overlay", "the kernel mounts overlay for ordinary users", ""
    fact = f"kernel {facts.kernel[0]}.{facts.kernel[1]}"
    if has_fuse_overlayfs:
        return "overlay", "through fuse-overlayfs", fact
    return "vfs", "neither the kernel nor fuse-overlayfs can mount overlay for this user", fact


def network(facts: Facts) -> Adaptation | None:
    """The network mode for steps that name none; None: the engine's own default works."""
    if not facts.rootless:
        return None
    reason = "a container of an ordinary user can't have a network of its own"
    if not {"slirp4netns", "pasta"} & set(facts.programs):
        return Adaptation("network", "host", reason, "neither slirp4netns nor pasta is installed")
    if not facts.tun:
        return Adaptation("network", "host", reason, "/dev/net/tun can't be opened by this user")
    return None


def subordinate(ranges: tuple[Range, ...] | None) -> tuple[int, ...]:
    """The sizes of ranges of subuid(5); of a directory service's, what is usual."""
    return (WANTED_IDS,) if ranges is None else tuple(found.count for found in ranges)


def isolation(facts: Facts) -> Adaptation | None:
    """buildah's isolation; None: its own default works."""
    runtimes = {"runc", "crun"} & set(facts.programs)
    if facts.cgroups is Cgroups.HYBRID:
        runtimes -= {"crun"}
    if facts.cgroups is Cgroups.NONE and facts.system == "Linux":
        # Neither starts without (runc 1.1 to 1.3.6, crun 0.17 to 1.28).
        runtimes.clear()
    if runtimes:
        return None
    fact = "no OCI runtime here copes with this host's control groups"
    return Adaptation("isolation", CHROOT, "buildah needs no runtime for a chroot", fact)


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


def merge(base: Mapping[str, object], over: Mapping[str, object]) -> Table:
    """`over` laid over `base`; tables are merged, everything else is replaced."""
    result: Table = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            result[key] = merge(below, value)
        else:
            result[key] = value
    return result


def apply(settings: Iterator[Setting], user: Table) -> tuple[Table, tuple[Adaptation, ...]]:
    """The user's tables with the settings in them, and those that made a difference."""
    result = user
    made = []
    for setting in settings:
        existing = _look_up(user, setting.table, setting.key)
        if existing == setting.value:
            continue
        if existing is not None and not setting.forced and setting.works(existing):
            continue
        nested: Table = {setting.key: setting.value}
        for name in reversed(setting.table.split(".")):
            nested = {name: nested}
        result = merge(result, nested)
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
