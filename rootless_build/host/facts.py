"""What this host is, as data: the settings of a run and the doctor are computed from it.

`rootless_build.host.gathering` looks at the host; a host can also be written down as JSON
(`rootless_build.host.facts_json`). The defaults describe a host with nothing wrong.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from rootless_build.model.shared_directories import LASTING
from rootless_build.model.structs import Strict

WANTED_IDS: Final = 65536
"""The subordinate ids an image may need: every 16-bit id."""


class Cgroups(StrEnum):
    """How control groups are mounted: cgroup2 alone, the old controllers, or both side by side."""

    V2 = "v2"
    V1 = "v1"
    HYBRID = "hybrid"
    NONE = "none"


class Range(Strict, frozen=True):
    """`count` subordinate ids from `start` on (subuid(5))."""

    start: int
    count: int

    @property
    def end(self) -> int:
        """The first id that is not in the range any more."""
        return self.start + self.count


class Account(Strict, frozen=True):
    """The user: `name` is empty where the uid has none.

    `subuids` and `subgids` are None where they come from elsewhere than a file (nsswitch.conf(5))
    and are not known. No account has an id from `free` on. `overlaps` names the accounts that
    have some of the same ids. `mappers` are newuidmap and newgidmap as far as they are set-uid or
    have file capabilities.
    """

    name: str = "user"
    subuids: tuple[Range, ...] | None = (Range(100000, WANTED_IDS),)
    subgids: tuple[Range, ...] | None = (Range(100000, WANTED_IDS),)
    free: int = 100000
    overlaps: tuple[str, ...] = ()
    mappers: tuple[str, ...] = ("newuidmap", "newgidmap")
    no_new_privileges: bool = False
    bounding: int | None = None
    """The capability bounding set as a bit mask (capabilities(7))."""


class Namespaces(Strict, frozen=True):
    """Whether ordinary users may have user namespaces.

    `maximum` is user.max_user_namespaces (None: unknown), `unprivileged` is Debian's
    kernel.unprivileged_userns_clone, `apparmor` is Ubuntu's restriction and `profiles` are the
    programs that an AppArmor profile exempts from it. `refusal` holds the words with which
    unshare(1) failed, and `sandbox` those with which what `rbuild plan` runs could not be walled
    in; empty where it worked or was not tried.
    """

    maximum: int | None = None
    unprivileged: bool = True
    apparmor: bool = False
    profiles: tuple[str, ...] = ()
    refusal: str = ""
    sandbox: str = ""


class Role(StrEnum):
    """What rbuild and the engines need a directory for."""

    STORAGE = "storage"
    TEMPORARY = "temporary files"
    PROJECT = "project"
    BUNDLES = "bundles"


class Place(Strict, frozen=True):
    """A directory (or the nearest one above it that exists) and its file system.

    `free` is in bytes for this user, `inodes` the free ones, None where the file system has no
    fixed number. `foreign` is an entry of another owner, None when there is none.
    """

    role: Role
    path: Path
    free: int
    inodes: int | None = None
    filesystem: str = ""
    writable: bool = True
    noexec: bool = False
    foreign: Path | None = None


class ConfigurationFile(Strict, frozen=True):
    """A file the engines read. `problem` is `FILE:LINE: what is wrong`, empty for nothing."""

    path: Path
    problem: str = ""


class Configuration(Strict, frozen=True):
    """The engines' configuration files that are there.

    `policy` is None when there is no policy.json, which no image can be used without;
    `rejects` when it rejects what it does not name. `search` are the registries for short names.
    """

    files: tuple[ConfigurationFile, ...] = ()
    policy: Path | None = Path("/etc/containers/policy.json")
    rejects: bool = False
    search: tuple[str, ...] = ("docker.io",)


class EngineAnswer(Strict, frozen=True):
    """A backend's own answer (`backend.api.Probe`). `version` None: not installed."""

    name: str
    version: str | None
    problem: str = ""
    hint: str = ""


class Program(Strict, frozen=True):
    """A helper of the engines and its version, empty where it does not say."""

    name: str
    path: Path
    version: str = ""


class Leftover(Strict, frozen=True):
    """A process of an earlier run whose rbuild has gone."""

    pid: int
    words: str


class Surroundings(StrEnum):
    """What this Linux runs in, where that matters."""

    HOST = "host"
    CONTAINER = "container"
    KUBERNETES = "kubernetes"
    WSL1 = "wsl1"
    WSL2 = "wsl2"
    PODMAN_MACHINE = "podman machine"


class Facts(Strict, frozen=True):
    """The host as data. Directories are absolute; limits are in the units of getrlimit(2).

    `hard_files` and `hard_processes` are None where there is no limit. `runtime_directory` is
    XDG_RUNTIME_DIR when it is set, ours and writable by us alone. `own_scratch` is a directory of
    the user's own in `scratch`, where one was made. `storage_drivers` are those that the existing
    storage of this user was made with. `storage_filesystem` is the file system's type below the
    storage (`ext4`, `overlay`, `nfs`).

    What follows `namespaces` is only known to the doctor (`gathering.survey`). `engines` and
    `reachable` are None where nobody asked. `unread` says what could not be looked at, and why.
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
    system: str = "Linux"
    account: Account = Account()
    namespaces: Namespaces = Namespaces()
    scratch: Path = Path(LASTING)
    """Where large files that must not be lost at once may be kept on a local disk."""
    own_scratch: Path | None = None
    ignores_owners: bool = False
    """The user's storage.conf has ignore_chown_errors: one id is then enough for any image."""
    remote: bool = False
    """The environment names an engine (CONTAINER_HOST, …) that need not be on this host."""

    surroundings: Surroundings = Surroundings.HOST
    engines: tuple[EngineAnswer, ...] | None = None
    helpers: tuple[Program, ...] = ()
    places: tuple[Place, ...] = ()
    configuration: Configuration = Configuration()
    delegated: tuple[str, ...] | None = None
    """The cgroup v2 controllers this user may use; None: unknown."""
    lingers: bool | None = None
    """Whether the user's services outlive the session; None: no systemd."""
    apparmor: bool = False
    makefile: bool = False
    """Whether the project has a Makefile."""
    now: int | None = None
    """Seconds since 1970 by this host's clock."""
    encoding: str = "utf-8"
    leftovers: tuple[Leftover, ...] = ()
    reachable: tuple[tuple[str, str], ...] | None = None
    """Registries that were asked, each with what went wrong (empty: it answered)."""
    unread: tuple[tuple[str, str], ...] = ()
    unreachable: str = ""
    """What is wrong where the environment names an engine that does not answer."""

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

    def place(self, role: Role) -> Place | None:
        """The directory of that role, where it is known."""
        return next((place for place in self.places if place.role is role), None)
