"""The configuration of an image: read from docker's JSON or OCI's, changed as data, written.

Facts: moby/docker-image-spec 1.3, the OCI image specification 1.1 (config.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import Json, Pairs
from rootless_build.model.platforms import Platform
from rootless_build.model.structs import from_data, replace

MARK: Final = "io.rbuild.configuration"
"""Begins the entry in an intermediate image's history that stands for its configuration."""
BUILDKIT: Final = "buildkit.dockerfile.v0"
"""The comment of what BuildKit adds to a history."""
LONG_AGO: Final = "1970-01-01T00:00:00Z"
"""When every intermediate image was made: the same content has the same id. With no time at all
buildah 1.28.2 finds nothing in its cache of what was built on an image."""

_OF_ITS_BUILD: Final = frozenset(
    {"id", "parent", "container", "container_config", "docker_version", "created"}
)
"""What says how a base image was made, and is not so of what is made of it."""
_OF_ITS_CONTAINER: Final = frozenset(
    {
        *("Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty"),
        *("OpenStdin", "StdinOnce", "Image", "MacAddress", "NetworkDisabled", "CpuShares"),
        *("Memory", "MemorySwap", "Cpuset", "PortSpecs"),
    }
)
_MAPS: Final = frozenset({"Volumes", "ExposedPorts", "Labels"})
_CACHE: Final = "moby.buildkit."
_PATH: Final = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
_HOST: Final = "buildkitsandbox"
"""What the host of a RUN is called with BuildKit; engines take it from the image."""
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_DIGEST: Final = "sha256:"


class History(Struct, frozen=True, omit_defaults=True):
    """One entry: an instruction, and whether it made a layer. `created` is as in RFC 3339."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class Healthcheck(Struct, frozen=True, omit_defaults=True, rename="pascal"):
    """How a container is asked whether it is well. Times are in nanoseconds; 0 is the default."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Configuration(Struct, frozen=True):
    """What an image is, beside the content of its layers.

    `layers` are the sha256 of their archives, unpacked, the lowest first: 64 hex digits each.
    `environment` is in its order. Text that is not UTF-8 has surrogate escapes, which become
    U+FFFD in the image, as with docker. `others` and `outer_others` are fields that are not known
    here, of the inner and of the outer object: their names, and their JSON.
    """

    architecture: str
    os: str = "linux"
    variant: str = ""
    created: str = ""
    author: str = ""
    environment: Pairs = ()
    user: str = ""
    working_directory: str = ""
    shell: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    arguments_escaped: bool = False
    volumes: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    labels: Pairs = ()
    triggers: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""
    layers: tuple[str, ...] = ()
    history: tuple[History, ...] = ()
    others: Pairs = ()
    outer_others: Pairs = ()


class _Root(Struct, frozen=True):
    diff_ids: tuple[str, ...] = ()


class _Nothing(Struct, frozen=True):
    """What stands beside each name of a set."""


class _Inner(Struct, frozen=True, rename="pascal"):
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    shell: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    args_escaped: bool = False
    volumes: dict[str, _Nothing | None] = {}
    exposed_ports: dict[str, _Nothing | None] = {}
    labels: dict[str, str | None] = {}
    on_build: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    stop_signal: str = ""


class _Outer(Struct, frozen=True):
    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str = ""
    author: str = ""
    config: _Inner = _Inner()
    rootfs: _Root = _Root()
    history: tuple[History, ...] = ()


def read(blob: bytes) -> Configuration:
    """The configuration in an image's own JSON.

    Fields that say how the image was made are left out. Raises StepFailedError.
    """
    try:
        return _configuration(_without_null(json.loads(blob.decode("utf-8", "replace"))))
    except (ValueError, RecursionError) as error:
        message = f"the configuration of an image is not one: {error}"
        raise StepFailedError(message) from error


def _configuration(data: Json) -> Configuration:
    outer = from_data(data, _Outer)
    # `from_data` has seen that both are objects.
    whole: Mapping[str, Json] = data if isinstance(data, dict) else {}
    config = whole.get("config")
    inner = outer.config
    return Configuration(
        architecture=outer.architecture,
        os=outer.os,
        variant=outer.variant,
        created=outer.created,
        author=outer.author,
        environment=tuple((name, text) for name, _, text in (v.partition("=") for v in inner.env)),
        user=inner.user,
        working_directory=inner.working_dir,
        shell=inner.shell,
        entrypoint=inner.entrypoint,
        command=inner.cmd,
        arguments_escaped=inner.args_escaped,
        volumes=tuple(sorted(inner.volumes)),
        ports=tuple(sorted(inner.exposed_ports)),
        labels=tuple((name, text or "") for name, text in sorted(inner.labels.items())),
        triggers=inner.on_build,
        healthcheck=inner.healthcheck,
        stop_signal=inner.stop_signal,
        layers=tuple(digest.removeprefix(_DIGEST) for digest in outer.rootfs.diff_ids),
        history=outer.history,
        others=_unknown(config if isinstance(config, dict) else {}, _Inner, _OF_ITS_CONTAINER),
        outer_others=_unknown(whole, _Outer, _OF_ITS_BUILD),
    )


def scratch(platform: Platform) -> Configuration:
    """The configuration that a stage upon no image begins with (docker 29)."""
    own = Configuration(platform.architecture, platform.system, platform.variant)
    return replace(own, environment=(_PATH,), working_directory="/")


def stage_upon(base: Configuration) -> Configuration:
    """The configuration that a stage upon an image begins with: what the image wants to be done
    then is not the stage's own, and there is always a PATH.
    """
    named = any(name == _PATH[0] for name, _ in base.environment)
    environment = base.environment if named else (*base.environment, _PATH)
    return replace(base, environment=environment, triggers=())


def write(configuration: Configuration) -> bytes:
    """The configuration as docker's JSON; the same data are the same bytes."""
    outer: dict[str, Json] = {
        "architecture": configuration.architecture,
        "os": configuration.os,
        "variant": configuration.variant,
        "created": configuration.created,
        "author": configuration.author,
    }
    identities = list[Json](map(digest_of, configuration.layers))
    whole: dict[str, Json] = {
        **_parsed(configuration.outer_others),
        **{name: value for name, value in outer.items() if value},
        "config": _inner(configuration),
        "rootfs": {"type": "layers", "diff_ids": identities},
        "history": list[Json](map(_entry, configuration.history)),
    }
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATES.sub("\ufffd", text).encode()


def intermediate(configuration: Configuration, around: str = "") -> Configuration:
    """What a RUN needs of a configuration, for an image that an engine builds on. `around` stands
    for what else a RUN sees: the network, names of hosts.

    Its history ends in an entry with the digest of these. Engines take a step from their cache
    where layers and history below it are the same, whatever the environment and the network are
    (podman 4.3.1, buildah 1.28.2): so neither another intermediate image's step is taken, nor one
    of an image of the user's, nor theirs one of ours.
    """
    needed = Configuration(
        architecture=configuration.architecture,
        os=configuration.os,
        variant=configuration.variant,
        environment=configuration.environment,
        user=configuration.user,
        working_directory=configuration.working_directory,
        shell=configuration.shell,
        others=(("Hostname", json.dumps(_HOST)),),
    )
    digest = hashlib.sha256(write(needed) + around.encode(errors="surrogateescape")).hexdigest()
    mark = History(LONG_AGO, f"{MARK} {digest_of(digest)}", empty_layer=True)
    return replace(
        needed,
        created=LONG_AGO,
        layers=configuration.layers,
        history=(*configuration.history, mark),
    )


def final(configuration: Configuration, created: str) -> Configuration:
    """A configuration as an image has it that a build has made, then: without the entries that
    intermediate images have in their history.
    """
    history = tuple(e for e in configuration.history if not e.created_by.startswith(f"{MARK} "))
    return replace(configuration, created=created, history=history)


def with_layers(
    configuration: Configuration, layers: Sequence[str], *history: History
) -> Configuration:
    """A configuration with more layers, by their sha256, and more history."""
    return replace(
        configuration,
        layers=(*configuration.layers, *layers),
        history=(*configuration.history, *history),
    )


def digest_of(digest: str) -> str:
    """A sha256 as JSON has it."""
    return f"{_DIGEST}{digest}"


def _inner(configuration: Configuration) -> dict[str, Json]:
    healthcheck = configuration.healthcheck
    environment = [f"{name}={value}" for name, value in configuration.environment]
    known: dict[str, Json] = {
        "User": configuration.user,
        "ExposedPorts": _set_of(configuration.ports),
        "Env": list[Json](environment),
        "Entrypoint": list[Json](configuration.entrypoint),
        "Cmd": list[Json](configuration.command),
        "Volumes": _set_of(configuration.volumes),
        "WorkingDir": configuration.working_directory,
        "Labels": dict[str, Json](sorted(configuration.labels)),
        "StopSignal": configuration.stop_signal,
        "ArgsEscaped": configuration.arguments_escaped,
        "Healthcheck": _healthcheck(healthcheck) if healthcheck else None,
        "OnBuild": list[Json](configuration.triggers),
        "Shell": list[Json](configuration.shell),
    }
    own = {name: value for name, value in known.items() if value}
    return {**_parsed(configuration.others), **own}


def _healthcheck(check: Healthcheck) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "Test": list[Json](check.test),
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
        "Retries": check.retries,
    }
    return {name: value for name, value in fields.items() if value}


def _entry(entry: History) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "created": entry.created,
        "created_by": entry.created_by,
        "author": entry.author,
        "comment": entry.comment,
        "empty_layer": entry.empty_layer,
    }
    return {name: value for name, value in fields.items() if value}


def _set_of(names: Sequence[str]) -> dict[str, Json]:
    """Go's way to write a set."""
    return {name: dict[str, Json]() for name in sorted(names)}


def _parsed(fields: Pairs) -> dict[str, Json]:
    return {name: json.loads(value) for name, value in fields}


def _unknown(data: Mapping[str, Json], known: type[Struct], other: Collection[str]) -> Pairs:
    names = {*known.__struct_encode_fields__, *other}
    return tuple(
        (name, json.dumps(value, allow_nan=False))
        for name, value in sorted(data.items())
        if name not in names and not name.startswith(_CACHE)
    )


def _without_null(value: Json) -> Json:
    """Go reads null as if the field were not there; a name of a set or a map stays."""
    if isinstance(value, dict):
        return {
            name: item if name in _MAPS else _without_null(item)
            for name, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return list(map(_without_null, value))
    return value
