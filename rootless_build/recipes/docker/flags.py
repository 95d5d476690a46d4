"""Docker's command-line grammar as a table: one row a flag.

A row says what the flag takes, which field of the step it fills, or that it has no effect here, or
that it is refused and why. Source: the reference pages of docker build, docker buildx build and
docker run (28.2), and the `--help` of the clients 20.10 and 28.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from rootless_build.model import platforms
from rootless_build.model.socket_mounts import OWN_HOSTS
from rootless_build.recipes.docker import draft as to
from rootless_build.recipes.docker import values
from rootless_build.recipes.docker.draft import Draft, One, Several
from rootless_build.recipes.docker.values import BadValueError, Surroundings, boolean

T = TypeVar("T")
Fill = Callable[[Draft, str], None]


class Flag(Struct, frozen=True):
    """A flag without `takes` is a bool; its value is then `true` or what follows `=`.

    Exactly one of `fill` (what its value does), `ignored` and `refused` (why) is set. `called` is
    what its value does where a script is docker's caller, which a plan has nobody for.
    """

    name: str
    short: str = ""
    takes: bool = True
    fill: Fill | None = None
    ignored: str = ""
    refused: str = ""
    called: Fill | None = None


class Table:
    """The flags of a command, found by their names."""

    def __init__(self, *rows: Flag) -> None:
        self.by_name: Final[Mapping[str, Flag]] = {row.name: row for row in rows}
        self.by_letter: Final[Mapping[str, Flag]] = {row.short: row for row in rows if row.short}

    def __iter__(self) -> Iterator[Flag]:
        return iter(self.by_name.values())


def _put(field: One[T], parse: Callable[[str], T]) -> Fill:
    return lambda draft, value: draft.put(field, parse(value))


def _put_here(field: One[T], parse: Callable[[str, Surroundings], T]) -> Fill:
    return lambda draft, value: draft.put(field, parse(value, draft.around))


def _add(field: Several[T], parse: Callable[[str], T]) -> Fill:
    return lambda draft, value: draft.add(field, parse(value))


def _add_here(field: Several[T], parse: Callable[[str, Surroundings], T]) -> Fill:
    return lambda draft, value: draft.add(field, parse(value, draft.around))


def _add_all(field: Several[T], parse: Callable[[str], Sequence[T]]) -> Fill:
    return lambda draft, value: draft.add(field, *parse(value))


def _add_all_here(field: Several[T], parse: Callable[[str, Surroundings], Sequence[T]]) -> Fill:
    return lambda draft, value: draft.add(field, *parse(value, draft.around))


def _volume(draft: Draft, value: str) -> None:
    mount, notes = values.volume(value, draft.around)
    draft.add(to.MOUNTS, mount)
    draft.notes += notes


def _override(key: str) -> Fill:
    """A flag of bake that is `--set` for every target."""
    return _add(to.OVERRIDES, lambda value: f"*.{key}={str(boolean(value)).lower()}")


def _call_of_all(draft: Draft, value: str) -> None:
    """`--check` of bake is `--call=check`."""
    if boolean(value):
        draft.add(to.OVERRIDES, "*.call=check")


def _check(parse: Callable[[str], object]) -> Fill:
    """A flag that changes nothing here, whatever it says."""

    def parse_alone(_: Draft, value: str) -> None:
        parse(value)

    return parse_alone


def _only(*allowed: str, why: str) -> Fill:
    """A flag that can be honoured where it says what holds anyway."""

    def refuse_others(_: Draft, value: str) -> None:
        if value not in allowed:
            raise BadValueError(why)

    return refuse_others


def _attestation(kind: str) -> Fill:
    def fill(draft: Draft, value: str) -> None:
        if value not in _OFF:
            draft.notes.append(f"--{kind}={value}: {_ATTESTATION}")

    return fill


def _none_is(word: str) -> str:
    return f"it has no effect here: {word}"


def _own_platform(_: Draft, value: str) -> None:
    wanted = values.platform(value)
    if wanted is not None and platforms.normal(wanted) != platforms.host():
        raise BadValueError(_ONE_PLATFORM)


_ONE_PLATFORM: Final = "an engine here has one image of a name: name it where it is used"
_OFF: Final = ("false", "0", "f", "F", "False", "FALSE")
_SHOWN: Final = _none_is("rbuild shows progress in its own way")
_CLEANED: Final = _none_is("rbuild leaves no container behind")
_OF_CALLS: Final = "it is written where docker is called; `rbuild --metadata-file` has rbuild's own"
_IN_STORAGE: Final = _none_is("the image is in the engine's storage anyway")
_TRUST: Final = _none_is("rootless engines have no content trust")
_WINDOWS: Final = "it is for Windows containers"
_NO_CACHE_EXPORT: Final = _none_is("the engine keeps its own layer cache")
_ATTESTATION: Final = _none_is("podman and buildah make no attestations")

_DEVICE_IO: Final = "block device limits are not carried over"
_NAMED_NETWORK: Final = "addresses and names on a network of containers are not carried over"
_ANOTHER: Final = "it selects another daemon; use --backend docker with DOCKER_HOST"
_VOLUME_DRIVER: Final = "volume drivers are plug-ins of the docker daemon"
_HEALTH: Final = _none_is("nobody asks for the health of a build container")

_LIMITS: Final = (
    Flag("cgroup-parent", fill=_put(to.CGROUP_PARENT, str)),
    Flag("cpu-period", fill=_put(to.CPU_PERIOD, values.integer)),
    Flag("cpu-quota", fill=_put(to.CPU_QUOTA, values.integer)),
    Flag("cpu-shares", "c", fill=_put(to.CPU_SHARES, values.integer)),
    Flag("cpuset-cpus", fill=_put(to.CPUSET_CPUS, str)),
    Flag("cpuset-mems", fill=_put(to.CPUSET_MEMS, str)),
    Flag("memory", "m", fill=_put(to.MEMORY, str)),
    Flag("memory-swap", fill=_put(to.MEMORY_SWAP, str)),
    Flag("shm-size", fill=_put(to.SHM_SIZE, str)),
    Flag("ulimit", fill=_add(to.ULIMITS, values.ulimit)),
)
_BOTH: Final = (
    Flag("add-host", fill=_add(to.ADD_HOSTS, str)),
    Flag("label", fill=_add(to.LABELS, values.label)),
    Flag("network", fill=_put(to.NETWORK, values.network)),
    Flag("pull", takes=False, fill=_put(to.PULL, values.pull_policy)),
    Flag("security-opt", fill=_add_here(to.SECURITY_OPTIONS, values.security_option)),
    Flag("isolation", fill=_only("", "default", why=_WINDOWS)),
    Flag("disable-content-trust", takes=False, ignored=_TRUST),
    Flag("quiet", "q", takes=False, ignored=_SHOWN, called=_put(to.QUIET, boolean)),
)

# `docker build` is `docker buildx build` where that plug-in is installed: one table for both.
BUILD: Final = Table(
    *_LIMITS,
    *_BOTH,
    Flag("allow", ignored=_none_is("entitlements are BuildKit's")),
    Flag("annotation", ignored=_none_is("the image gets no annotations")),
    Flag("attest", ignored=_ATTESTATION),
    Flag("build-arg", fill=_add_all_here(to.BUILD_ARGS, values.variable)),
    Flag("build-context", fill=_add_here(to.BUILD_CONTEXTS, values.build_context)),
    Flag("builder", ignored=_none_is("rbuild's backend is the builder")),
    Flag("cache-from", fill=_add(to.CACHE_FROM, str)),
    Flag("cache-to", ignored=_NO_CACHE_EXPORT),
    Flag("call", fill=_put(to.ASKED, values.call)),
    Flag("check", takes=False, fill=_put(to.ASKED, values.checked)),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("compress", takes=False, ignored=_none_is("the context is not sent anywhere")),
    Flag("file", "f", fill=_put_here(to.CONTAINERFILE, values.containerfile)),
    Flag("force-rm", takes=False, fill=_only("true", *_OFF, why=_CLEANED)),
    Flag("iidfile", fill=_put_here(to.IMAGE_ID_FILE, values.file)),
    Flag("load", takes=False, ignored=_IN_STORAGE),
    Flag(
        "metadata-file",
        refused=_OF_CALLS,
        called=_put_here(to.METADATA_FILE, values.file),
    ),
    Flag("no-cache", takes=False, fill=_put(to.NO_CACHE, boolean)),
    # Every stage built anew holds what one stage built anew does.
    Flag("no-cache-filter", fill=_put(to.NO_CACHE, bool)),
    Flag(
        "output",
        "o",
        fill=_add_here(to.OUTPUTS, values.output),
        called=_add_here(to.OUTPUTS, values.callers_output),
    ),
    Flag("platform", fill=_add_all(to.PLATFORMS, values.platforms)),
    Flag("policy", refused="build policies are BuildKit's"),
    # What --call was called before.
    Flag("print", fill=_put(to.ASKED, values.call)),
    Flag("progress", ignored=_SHOWN),
    Flag("provenance", fill=_attestation("provenance")),
    Flag(
        "push",
        takes=False,
        refused="rbuild builds, it pushes nothing",
        called=_put(to.PUSHED, boolean),
    ),
    Flag("rm", takes=False, fill=_only("true", *_OFF, why=_CLEANED)),
    Flag("sbom", fill=_attestation("sbom")),
    Flag("secret", fill=_add_here(to.SECRETS, values.secret)),
    Flag("squash", takes=False, fill=_put(to.SQUASH, boolean)),
    Flag("ssh", fill=_add_here(to.SSH, values.ssh)),
    Flag("stream", takes=False, ignored=_none_is("the context is not sent anywhere")),
    Flag("tag", "t", fill=_add(to.TAGS, values.image_name)),
    Flag("target", fill=_put(to.TARGET, values.word)),
)
BAKE: Final = Table(
    Flag("allow", ignored=_none_is("entitlements are BuildKit's")),
    Flag("builder", ignored=_none_is("rbuild's backend is the builder")),
    Flag("call", fill=_add(to.OVERRIDES, lambda value: f"*.call={value}")),
    Flag("check", takes=False, fill=_call_of_all),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("file", "f", fill=_add(to.FILES, str)),
    Flag("list", refused="it lists targets instead of building them"),
    Flag("list-targets", takes=False, refused="it lists targets instead of building them"),
    Flag("list-variables", takes=False, refused="it lists variables instead of building"),
    Flag("load", takes=False, fill=_override("load")),
    Flag(
        "metadata-file",
        refused=_OF_CALLS,
        called=_put_here(to.METADATA_FILE, values.file),
    ),
    Flag("no-cache", takes=False, fill=_override("no-cache")),
    Flag("policy", refused="build policies are BuildKit's"),
    Flag(
        "print",
        takes=False,
        refused="it prints the targets; `rbuild plan` shows the steps",
        called=_put(to.PRINTED, boolean),
    ),
    Flag("progress", ignored=_SHOWN),
    Flag("provenance", fill=_attestation("provenance")),
    Flag("pull", takes=False, fill=_override("pull")),
    Flag("push", takes=False, fill=_override("push")),
    Flag("sbom", fill=_attestation("sbom")),
    Flag("set", fill=_add(to.OVERRIDES, str)),
    Flag("var", fill=_add_all_here(to.VARIABLES, values.variable)),
)
RUN: Final = Table(
    *_LIMITS,
    *(flag for flag in _BOTH if flag.name not in {"label", "pull"}),
    Flag("annotation", refused="annotations of a container are not carried over"),
    Flag(
        "attach",
        "a",
        refused="rbuild always attaches what -i and -t say",
        called=_add(to.ATTACHED, values.streams),
    ),
    Flag("blkio-weight", refused=_DEVICE_IO),
    Flag("blkio-weight-device", refused=_DEVICE_IO),
    Flag("cap-add", fill=_add(to.CAP_ADD, str)),
    Flag("cap-drop", fill=_add(to.CAP_DROP, str)),
    Flag("cgroupns", fill=_put(to.CGROUPNS, values.word)),
    Flag(
        "cidfile",
        refused="the container is gone when the step has ended",
        called=_put_here(to.CONTAINER_ID_FILE, values.file),
    ),
    Flag("cpu-count", refused=_WINDOWS),
    Flag("cpu-percent", refused=_WINDOWS),
    Flag("cpu-rt-period", refused="real-time limits need a root daemon"),
    Flag("cpu-rt-runtime", refused="real-time limits need a root daemon"),
    Flag("cpus", fill=_put(to.CPUS, str)),
    Flag(
        "detach",
        "d",
        takes=False,
        refused="a step ends with its container",
        called=_put(to.DETACHED, boolean),
    ),
    Flag("detach-keys", ignored=_none_is("a step can't be detached from")),
    Flag("device", fill=_add(to.DEVICES, str)),
    Flag("device-cgroup-rule", refused="device rules need a root daemon"),
    Flag("device-read-bps", refused=_DEVICE_IO),
    Flag("device-read-iops", refused=_DEVICE_IO),
    Flag("device-write-bps", refused=_DEVICE_IO),
    Flag("device-write-iops", refused=_DEVICE_IO),
    Flag("dns", fill=_add(to.DNS, str)),
    Flag("dns-opt", refused="resolver options are not carried over"),
    Flag("dns-option", refused="resolver options are not carried over"),
    Flag("dns-search", refused="resolver options are not carried over"),
    Flag("domainname", refused="an NIS domain name is not carried over"),
    Flag("entrypoint", fill=_put(to.ENTRYPOINT, values.entrypoint)),
    Flag("env", "e", fill=_add_all_here(to.ENVIRONMENT, values.variable)),
    Flag("env-file", fill=_add_all_here(to.ENVIRONMENT_OF_FILES, values.environment_file)),
    Flag(
        "expose",
        ignored=_none_is("exposing publishes nothing"),
        called=_add(to.EXPOSED, str),
    ),
    Flag("gpus", refused="GPUs are not carried over"),
    Flag("group-add", fill=_add(to.GROUP_ADD, str)),
    Flag("health-cmd", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("health-interval", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("health-retries", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("health-start-interval", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("health-start-period", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("health-timeout", ignored=_HEALTH, called=_put(to.HEALTH, bool)),
    Flag("help", takes=False, refused="it prints a page instead of running anything"),
    Flag("hostname", "h", fill=_put(to.HOSTNAME, values.word)),
    Flag("init", takes=False, fill=_put(to.INIT, boolean)),
    Flag("interactive", "i", takes=False, fill=_put(to.INTERACTIVE, boolean)),
    Flag("io-maxbandwidth", refused=_WINDOWS),
    Flag("io-maxiops", refused=_WINDOWS),
    Flag("ip", refused=_NAMED_NETWORK),
    Flag("ip6", refused=_NAMED_NETWORK),
    Flag("ipc", fill=_put(to.IPC, values.word)),
    Flag("kernel-memory", refused="kernel memory limits are gone from the kernel"),
    Flag("label", "l", fill=_add(to.LABELS, values.label)),
    Flag("label-file", fill=_add_all_here(to.LABELS_OF_FILES, values.label_file)),
    Flag("link", refused=_NAMED_NETWORK),
    Flag("link-local-ip", refused=_NAMED_NETWORK),
    Flag("log-driver", ignored=_none_is("the output comes to rbuild")),
    Flag("log-opt", ignored=_none_is("the output comes to rbuild")),
    Flag("mac-address", refused=_NAMED_NETWORK),
    Flag("memory-reservation", refused="soft memory limits are not carried over"),
    Flag("memory-swappiness", refused="it needs control groups of version 1 and a root daemon"),
    Flag("mount", fill=_add_here(to.MOUNTS, values.mount)),
    Flag("name", fill=_put(to.NAME, values.word)),
    Flag("net", fill=_put(to.NETWORK, values.network)),
    Flag("net-alias", refused=_NAMED_NETWORK),
    Flag(
        "network-alias",
        refused=_NAMED_NETWORK,
        called=_add(to.NETWORK_ALIASES, str),
    ),
    Flag("no-healthcheck", takes=False, ignored=_HEALTH),
    Flag("oom-kill-disable", takes=False, refused="it needs a root daemon"),
    Flag("oom-score-adj", refused="it needs a root daemon"),
    Flag("pid", fill=_put(to.PID, values.word)),
    Flag("pids-limit", fill=_put(to.PIDS_LIMIT, values.integer)),
    Flag("platform", fill=_put(to.PLATFORM, values.platform)),
    Flag("privileged", takes=False, fill=_put(to.PRIVILEGED, boolean)),
    Flag("publish", "p", fill=_add(to.PUBLISH, str)),
    Flag(
        "publish-all",
        "P",
        takes=False,
        refused="name the ports with -p",
        called=_put(to.PUBLISHES_ALL, boolean),
    ),
    Flag("pull", fill=_put(to.PULL, values.pull_policy)),
    Flag("read-only", takes=False, fill=_put(to.READ_ONLY, boolean)),
    Flag("restart", fill=_only("no", "", why="a step runs once")),
    Flag("rm", takes=False, fill=_check(boolean), called=_put(to.REMOVED, boolean)),
    Flag("runtime", refused="the runtime is rbuild's choice for this host (see --backend)"),
    Flag("sig-proxy", takes=False, ignored=_none_is("signals end the step")),
    Flag("stop-signal", fill=_put(to.STOP_SIGNAL, values.word)),
    Flag("stop-timeout", fill=_put(to.STOP_TIMEOUT, values.integer)),
    Flag("storage-opt", refused="storage options need a root daemon"),
    Flag("sysctl", fill=_add(to.SYSCTLS, values.label)),
    Flag("tmpfs", fill=_add(to.MOUNTS, values.tmpfs)),
    Flag("tty", "t", takes=False, fill=_put(to.TTY, boolean)),
    Flag("use-api-socket", takes=False, refused="there is no docker daemon's socket"),
    Flag("user", "u", fill=_put(to.USER, values.word)),
    Flag("userns", fill=_put(to.USERNS, values.word)),
    Flag("uts", fill=_put(to.UTS, values.word)),
    Flag("volume", "v", fill=_volume),
    Flag("volume-driver", fill=_only("local", "", why=_VOLUME_DRIVER)),
    Flag(
        "volumes-from",
        refused="volumes of other containers are not carried over",
        called=_add(to.VOLUMES_FROM, str),
    ),
    Flag("workdir", "w", fill=_put(to.WORKING_DIRECTORY, values.word)),
)
GLOBAL: Final = Table(
    Flag("config", ignored=_none_is("it is the docker client's own")),
    Flag("context", "c", fill=_only("", "default", why=_ANOTHER)),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("host", "H", fill=_only("", *OWN_HOSTS, why=_ANOTHER)),
    Flag("log-level", "l", ignored=_SHOWN),
    Flag("tls", takes=False, refused="it selects another daemon"),
    Flag("tlscacert", refused="it selects another daemon"),
    Flag("tlscert", refused="it selects another daemon"),
    Flag("tlskey", refused="it selects another daemon"),
    Flag("tlsverify", takes=False, refused="it selects another daemon"),
)
PULL: Final = Table(
    Flag("all-tags", "a", takes=False, refused="rbuild pulls what a build needs, one image"),
    Flag("disable-content-trust", takes=False, ignored=_none_is("nothing is signed here")),
    Flag("platform", refused=_ONE_PLATFORM, called=_own_platform),
    Flag("quiet", "q", takes=False, ignored=_SHOWN, called=_put(to.QUIET, boolean)),
)
VOLUME_REMOVE: Final = Table(
    Flag(
        "force",
        "f",
        takes=False,
        ignored=_none_is("a volume that is not there is no error"),
        called=_put(to.FORCED, boolean),
    ),
)
TAG: Final = Table()
