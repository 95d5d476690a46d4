"""Docker's command-line grammar as a table: one row a flag.

A row says what the flag takes, which field of the step it fills, or that it has no effect here, or
that it is refused and why. Source: the reference pages of docker build, docker buildx build and
docker run (28.2), and the `--help` of the clients 20.10 and 28.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.model.data import dataclass
from rootless_build.recipes.step_builder import Draft, boolean

Fill = Callable[[Draft, str], None]


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag without `takes` is a bool; its value is then `true` or what follows `=`.

    Exactly one of `fill` (what its value does), `ignored` and `refused` (why) is set.
    """

    name: str
    short: str = ""
    takes: bool = True
    fill: Fill | None = None
    ignored: str = ""
    refused: str = ""


def _set(name: str) -> Fill:
    return lambda draft, value: draft.put_text(name, value)


def _add(name: str) -> Fill:
    return lambda draft, value: draft.add(name, value)


def _on(name: str) -> Fill:
    return lambda draft, value: draft.put(name, boolean(value))


def _pair(name: str) -> Fill:
    return lambda draft, value: draft.add_pair(name, value)


def _label(name: str) -> Fill:
    return lambda draft, value: draft.add_label(name, value)


def _override(key: str) -> Fill:
    """A flag of bake that is `--set` for every target."""
    return lambda draft, value: draft.add("overrides", f"*.{key}={str(boolean(value)).lower()}")


def _limit(name: str) -> Fill:
    def fill(draft: Draft, value: str) -> None:
        draft.limits[name] = value

    return fill


def _limit_integer(name: str) -> Fill:
    return lambda draft, value: draft.limit_integer(name, value)


def _integer(name: str) -> Fill:
    return lambda draft, value: draft.set_integer(name, value)


def _path(name: str) -> Fill:
    return lambda draft, value: draft.put_path(name, value)


def _only(*allowed: str, why: str) -> Fill:
    return lambda draft, value: draft.only(value, *allowed, why=why)


def _attestation(kind: str) -> Fill:
    def fill(draft: Draft, value: str) -> None:
        if value not in _OFF:
            draft.notes.append(f"--{kind}={value}: {_ATTESTATION}")

    return fill


def _none_is(word: str) -> str:
    return f"it has no effect here: {word}"


_OFF: Final = ("false", "0", "f", "F", "False", "FALSE")
_SHOWN: Final = _none_is("rbuild shows progress in its own way")
_CLEANED: Final = _none_is("rbuild leaves no container behind")
_IN_STORAGE: Final = _none_is("the image is in the engine's storage anyway")
_TRUST: Final = _none_is("rootless engines have no content trust")
_WINDOWS: Final = "it is for Windows containers"
_NO_CACHE_EXPORT: Final = _none_is("the engine keeps its own layer cache")
_ATTESTATION: Final = _none_is("podman and buildah make no attestations")

_DEVICE_IO: Final = "block device limits are not carried over"
_NAMED_NETWORK: Final = "addresses and names on a network of containers are not carried over"
_VOLUME_DRIVER: Final = "volume drivers are plug-ins of the docker daemon"
_HEALTH: Final = _none_is("nobody asks for the health of a build container")

_LIMITS: Final = (
    Flag("cgroup-parent", fill=_limit("cgroup_parent")),
    Flag("cpu-period", fill=_limit_integer("cpu_period")),
    Flag("cpu-quota", fill=_limit_integer("cpu_quota")),
    Flag("cpu-shares", "c", fill=_limit_integer("cpu_shares")),
    Flag("cpuset-cpus", fill=_limit("cpuset_cpus")),
    Flag("cpuset-mems", fill=_limit("cpuset_mems")),
    Flag("memory", "m", fill=_limit("memory")),
    Flag("memory-swap", fill=_limit("memory_swap")),
    Flag("shm-size", fill=_limit("shm_size")),
    Flag("ulimit", fill=lambda draft, value: draft.add_ulimit(value)),
)
_BOTH: Final = (
    Flag("add-host", fill=_add("add_hosts")),
    Flag("label", fill=_label("labels")),
    Flag("network", fill=lambda draft, value: draft.set_network(value)),
    Flag("pull", takes=False, fill=lambda draft, value: draft.set_pull(value)),
    Flag("security-opt", fill=lambda draft, value: draft.add_security_option(value)),
    Flag("isolation", fill=_only("", "default", why=_WINDOWS)),
    Flag("disable-content-trust", takes=False, ignored=_TRUST),
    Flag("quiet", "q", takes=False, ignored=_SHOWN),
)

# `docker build` is `docker buildx build` where that plug-in is installed: one table for both.
BUILD: Final = (
    *_LIMITS,
    *_BOTH,
    Flag("allow", ignored=_none_is("entitlements are BuildKit's")),
    Flag("annotation", ignored=_none_is("the image gets no annotations")),
    Flag("attest", ignored=_ATTESTATION),
    Flag("build-arg", fill=_pair("build_args")),
    Flag("build-context", fill=lambda draft, value: draft.add_build_context(value)),
    Flag("builder", ignored=_none_is("rbuild's backend is the builder")),
    Flag("cache-from", fill=_add("cache_from")),
    Flag("cache-to", ignored=_NO_CACHE_EXPORT),
    Flag("call", refused="it asks about the build instead of building"),
    Flag("check", takes=False, refused="it checks the containerfile instead of building"),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("compress", takes=False, ignored=_none_is("the context is not sent anywhere")),
    Flag("file", "f", fill=_path("containerfile")),
    Flag("force-rm", takes=False, fill=_only("true", *_OFF, why=_CLEANED)),
    Flag("iidfile", fill=_path("image_id_file")),
    Flag("load", takes=False, ignored=_IN_STORAGE),
    Flag("metadata-file", refused="there is no BuildKit result to describe"),
    Flag("no-cache", takes=False, fill=_on("no_cache")),
    # Every stage built anew holds what one stage built anew does.
    Flag("no-cache-filter", fill=lambda draft, value: draft.put("no_cache", bool(value))),
    Flag("output", "o", fill=lambda draft, value: draft.add_output(value)),
    Flag("platform", fill=lambda draft, value: draft.add_platforms(value)),
    Flag("policy", refused="build policies are BuildKit's"),
    Flag("print", refused="it asks about the build instead of building"),
    Flag("progress", ignored=_SHOWN),
    Flag("provenance", fill=_attestation("provenance")),
    Flag("push", takes=False, refused="rbuild builds, it pushes nothing"),
    Flag("rm", takes=False, fill=_only("true", *_OFF, why=_CLEANED)),
    Flag("sbom", fill=_attestation("sbom")),
    Flag("secret", fill=lambda draft, value: draft.add_secret(value)),
    Flag("squash", takes=False, fill=_on("squash")),
    Flag("ssh", fill=lambda draft, value: draft.add_ssh(value)),
    Flag("stream", takes=False, ignored=_none_is("the context is not sent anywhere")),
    Flag("tag", "t", fill=lambda draft, value: draft.add_tag(value)),
    Flag("target", fill=_set("target")),
)
BAKE: Final = (
    Flag("allow", ignored=_none_is("entitlements are BuildKit's")),
    Flag("builder", ignored=_none_is("rbuild's backend is the builder")),
    Flag("call", fill=_only("build", "", why="it asks about the build instead of building")),
    Flag("check", takes=False, refused="it checks the containerfile instead of building"),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("file", "f", fill=_add("files")),
    Flag("list", refused="it lists targets instead of building them"),
    Flag("list-targets", takes=False, refused="it lists targets instead of building them"),
    Flag("list-variables", takes=False, refused="it lists variables instead of building"),
    Flag("load", takes=False, fill=_override("load")),
    Flag("metadata-file", refused="there is no BuildKit result to describe"),
    Flag("no-cache", takes=False, fill=_override("no-cache")),
    Flag("policy", refused="build policies are BuildKit's"),
    Flag("print", takes=False, refused="it prints the targets; `rbuild plan` shows the steps"),
    Flag("progress", ignored=_SHOWN),
    Flag("provenance", fill=_attestation("provenance")),
    Flag("pull", takes=False, fill=_override("pull")),
    Flag("push", takes=False, fill=_override("push")),
    Flag("sbom", fill=_attestation("sbom")),
    Flag("set", fill=_add("overrides")),
    Flag("var", fill=lambda draft, value: draft.add_pair("variables", value)),
)
RUN: Final = (
    *_LIMITS,
    *(flag for flag in _BOTH if flag.name not in {"label", "pull"}),
    Flag("annotation", refused="annotations of a container are not carried over"),
    Flag("attach", "a", refused="rbuild always attaches what -i and -t say"),
    Flag("blkio-weight", refused=_DEVICE_IO),
    Flag("blkio-weight-device", refused=_DEVICE_IO),
    Flag("cap-add", fill=_add("cap_add")),
    Flag("cap-drop", fill=_add("cap_drop")),
    Flag("cgroupns", fill=_set("cgroupns")),
    Flag("cidfile", refused="the container is gone when the step has ended"),
    Flag("cpu-count", refused=_WINDOWS),
    Flag("cpu-percent", refused=_WINDOWS),
    Flag("cpu-rt-period", refused="real-time limits need a root daemon"),
    Flag("cpu-rt-runtime", refused="real-time limits need a root daemon"),
    Flag("cpus", fill=_limit("cpus")),
    Flag("detach", "d", takes=False, refused="a step ends with its container"),
    Flag("detach-keys", ignored=_none_is("a step can't be detached from")),
    Flag("device", fill=_add("devices")),
    Flag("device-cgroup-rule", refused="device rules need a root daemon"),
    Flag("device-read-bps", refused=_DEVICE_IO),
    Flag("device-read-iops", refused=_DEVICE_IO),
    Flag("device-write-bps", refused=_DEVICE_IO),
    Flag("device-write-iops", refused=_DEVICE_IO),
    Flag("dns", fill=_add("dns")),
    Flag("dns-opt", refused="resolver options are not carried over"),
    Flag("dns-option", refused="resolver options are not carried over"),
    Flag("dns-search", refused="resolver options are not carried over"),
    Flag("domainname", refused="an NIS domain name is not carried over"),
    Flag("entrypoint", fill=lambda draft, value: draft.set_entrypoint(value)),
    Flag("env", "e", fill=_pair("environment")),
    Flag("env-file", fill=lambda draft, value: draft.add_environment_file(value)),
    Flag("expose", ignored=_none_is("exposing publishes nothing")),
    Flag("gpus", refused="GPUs are not carried over"),
    Flag("group-add", fill=_add("group_add")),
    Flag("health-cmd", ignored=_HEALTH),
    Flag("health-interval", ignored=_HEALTH),
    Flag("health-retries", ignored=_HEALTH),
    Flag("health-start-interval", ignored=_HEALTH),
    Flag("health-start-period", ignored=_HEALTH),
    Flag("health-timeout", ignored=_HEALTH),
    Flag("help", takes=False, refused="it prints a page instead of running anything"),
    Flag("hostname", "h", fill=_set("hostname")),
    Flag("init", takes=False, fill=_on("init")),
    Flag("interactive", "i", takes=False, fill=_on("interactive")),
    Flag("io-maxbandwidth", refused=_WINDOWS),
    Flag("io-maxiops", refused=_WINDOWS),
    Flag("ip", refused=_NAMED_NETWORK),
    Flag("ip6", refused=_NAMED_NETWORK),
    Flag("ipc", fill=_set("ipc")),
    Flag("kernel-memory", refused="kernel memory limits are gone from the kernel"),
    Flag("label", "l", fill=_label("labels")),
    Flag("label-file", fill=lambda draft, value: draft.add_label_file(value)),
    Flag("link", refused=_NAMED_NETWORK),
    Flag("link-local-ip", refused=_NAMED_NETWORK),
    Flag("log-driver", ignored=_none_is("the output comes to rbuild")),
    Flag("log-opt", ignored=_none_is("the output comes to rbuild")),
    Flag("mac-address", refused=_NAMED_NETWORK),
    Flag("memory-reservation", refused="soft memory limits are not carried over"),
    Flag("memory-swappiness", refused="it needs control groups of version 1 and a root daemon"),
    Flag("mount", fill=lambda draft, value: draft.add_mount(value)),
    Flag("name", fill=_set("name")),
    Flag("net", fill=lambda draft, value: draft.set_network(value)),
    Flag("net-alias", refused=_NAMED_NETWORK),
    Flag("network-alias", refused=_NAMED_NETWORK),
    Flag("no-healthcheck", takes=False, ignored=_HEALTH),
    Flag("oom-kill-disable", takes=False, refused="it needs a root daemon"),
    Flag("oom-score-adj", refused="it needs a root daemon"),
    Flag("pid", fill=_set("pid")),
    Flag("pids-limit", fill=_limit_integer("pids_limit")),
    Flag("platform", fill=lambda draft, value: draft.set_platform(value)),
    Flag("privileged", takes=False, fill=_on("privileged")),
    Flag("publish", "p", fill=_add("publish")),
    Flag("publish-all", "P", takes=False, refused="name the ports with -p"),
    Flag("pull", fill=lambda draft, value: draft.set_pull(value)),
    Flag("read-only", takes=False, fill=_on("read_only")),
    Flag("restart", fill=_only("no", "", why="a step runs once")),
    Flag("rm", takes=False, fill=_on("remove")),
    Flag("runtime", refused="the runtime is rbuild's choice for this host (see --backend)"),
    Flag("sig-proxy", takes=False, ignored=_none_is("signals end the step")),
    Flag("stop-signal", fill=_set("stop_signal")),
    Flag("stop-timeout", fill=_integer("stop_timeout")),
    Flag("storage-opt", refused="storage options need a root daemon"),
    Flag("sysctl", fill=_label("sysctls")),
    Flag("tmpfs", fill=lambda draft, value: draft.add_tmpfs(value)),
    Flag("tty", "t", takes=False, fill=_on("tty")),
    Flag("use-api-socket", takes=False, refused="there is no docker daemon's socket"),
    Flag("user", "u", fill=_set("user")),
    Flag("userns", fill=_set("userns")),
    Flag("uts", fill=_set("uts")),
    Flag("volume", "v", fill=lambda draft, value: draft.add_volume(value)),
    Flag("volume-driver", fill=_only("local", "", why=_VOLUME_DRIVER)),
    Flag("volumes-from", refused="volumes of other containers are not carried over"),
    Flag("workdir", "w", fill=_set("working_directory")),
)
GLOBAL: Final = (
    Flag("config", ignored=_none_is("it is the docker client's own")),
    Flag(
        "context", "c", refused="it selects another daemon; use --backend docker with DOCKER_HOST"
    ),
    Flag("debug", "D", takes=False, ignored=_SHOWN),
    Flag("host", "H", refused="it selects another daemon; use --backend docker with DOCKER_HOST"),
    Flag("log-level", "l", ignored=_SHOWN),
    Flag("tls", takes=False, refused="it selects another daemon"),
    Flag("tlscacert", refused="it selects another daemon"),
    Flag("tlscert", refused="it selects another daemon"),
    Flag("tlskey", refused="it selects another daemon"),
    Flag("tlsverify", takes=False, refused="it selects another daemon"),
)
PULL: Final = (
    Flag("all-tags", "a", takes=False, refused="rbuild pulls what a build needs, one image"),
    Flag("disable-content-trust", takes=False, ignored=_none_is("nothing is signed here")),
    Flag("platform", refused="an engine here has one image of a name: name it where it is used"),
    Flag("quiet", "q", takes=False, ignored=_SHOWN),
)
VOLUME_REMOVE: Final = (
    Flag("force", "f", takes=False, ignored=_none_is("a volume that is not there is no error")),
)
