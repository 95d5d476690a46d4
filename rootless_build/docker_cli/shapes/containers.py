"""Containers: what `docker inspect`, `docker ps` and `docker port` are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Container
from rootless_build.docker_cli.shapes.json import a_list, a_map, labels, text, texts, whole
from rootless_build.docker_cli.shapes.names import digest, familiar
from rootless_build.docker_cli.templates.data import Json

_STATES: Final = {
    "configured": "created",
    "initialized": "created",
    "stopped": "exited",
    "stopping": "running",
}
"""podman's words for what docker has others for."""
_ENGINES_OWN: Final = ("container=",)
_EMPTY_CONFIG: Final = ("Cmd", "Env", "Entrypoint", "Volumes", "OnBuild")


def inspected(said: Json) -> Json:
    """The object that `docker inspect` prints."""
    container = {**a_map(said)}
    container["Image"] = digest(text(container.get("Image")))
    container["State"] = _state(a_map(container.get("State")))
    container["Config"] = _configuration(a_map(container.get("Config")))
    container["HostConfig"] = _host(a_map(container.get("HostConfig")))
    container["NetworkSettings"] = _network(
        a_map(container.get("NetworkSettings")), a_map(container.get("HostConfig"))
    )
    for name in ("SizeRootFs", "SizeRw"):
        if not container.get(name):
            container.pop(name, None)
    if not container.get("ExecIDs"):
        container["ExecIDs"] = None
    return container


def _state(said: dict[str, Json]) -> dict[str, Json]:
    state = {**said}
    word = text(state.get("Status"))
    state["Status"] = _STATES.get(word, word)
    if not text(a_map(state.get("Health")).get("Status")):
        state.pop("Health", None)
    return state


def _configuration(said: dict[str, Json]) -> dict[str, Json]:
    config = {**said}
    config["Image"] = _image_of(text(config.get("Image")))
    environment = texts(config.get("Env"))
    config["Env"] = [each for each in environment if not each.startswith(_ENGINES_OWN)]
    for name in _EMPTY_CONFIG:
        config[name] = config.get(name) or None
    for name in ("OnBuild", "StopSignal", "StopTimeout"):
        # podman says what it would do; docker says what was asked for.
        if config.get(name) in {None, "15", "SIGTERM", 10}:
            config.pop(name, None)
    config["Labels"] = {**labels(config.get("Labels"))}
    return config


_DEFAULT_NETWORKS: Final = frozenset({"slirp4netns", "pasta", "private", "default"})
"""What a container without a network of its choice has in the place of docker's bridge."""


def _host(said: dict[str, Json]) -> dict[str, Json]:
    host = {**said}
    policy = a_map(host.get("RestartPolicy"))
    host["RestartPolicy"] = {**policy, "Name": text(policy.get("Name")) or "no"}
    log = a_map(host.get("LogConfig"))
    host["LogConfig"] = {**log, "Config": a_map(log.get("Config"))}
    if text(host.get("NetworkMode")).partition(":")[0] in _DEFAULT_NETWORKS:
        host["NetworkMode"] = "bridge"
    return host


def _network(said: dict[str, Json], host: Mapping[str, Json]) -> dict[str, Json]:
    """Docker 29 has addresses of each network alone."""
    mode = text(host.get("NetworkMode"))
    networks = a_map(said.get("Networks")) or ({"none": {}} if mode == "none" else {})
    return {
        "SandboxID": text(said.get("SandboxID")),
        "SandboxKey": text(said.get("SandboxKey")),
        "Ports": a_map(said.get("Ports")),
        "Networks": networks,
    }


def container_listed(libpod: Json, compatible: Json) -> Container:
    """A container of `docker ps`, of what podman's two interfaces say of it."""
    own, same = a_map(libpod), a_map(compatible)
    state = text(own.get("State"))
    mounts = [a_map(each) for each in a_list(same.get("Mounts"))]
    return Container(
        text(own.get("Id")),
        next(iter(texts(own.get("Names"))), ""),
        _image_of(text(own.get("Image"))),
        text(own.get("ImageID")),
        texts(own.get("Command")),
        _moment(own.get("Created")),
        _STATES.get(state, state),
        _moment(own.get("StartedAt")),
        _moment(own.get("ExitedAt")),
        whole(own.get("ExitCode")),
        _health(text(own.get("Status"))),
        labels(own.get("Labels")),
        tuple(text(each.get("Name")) for each in mounts if each.get("Name")),
        tuple(text(each.get("Source")) for each in mounts if not each.get("Name")),
        texts(own.get("Networks")),
        ", ".join(_ports(own.get("Ports"))),
    )


def _image_of(name: str) -> str:
    """The name that a container was made of: nobody writes the tag that is meant anyway."""
    return familiar(name).removesuffix(":latest")


def _health(status: str) -> str:
    return status if status in {"healthy", "unhealthy", "starting"} else ""


def _moment(said: Json) -> float:
    return units.read(said) if isinstance(said, str) else float(whole(said))


def _ports(said: Json) -> list[str]:
    found = []
    for each in map(a_map, a_list(said)):
        count = max(1, whole(each.get("range")))
        host, inside = whole(each.get("host_port")), whole(each.get("container_port"))
        address = text(each.get("host_ip")) or "0.0.0.0"  # noqa: S104 - as docker shows it
        protocol = text(each.get("protocol")) or "tcp"
        found.append(f"{address}:{_span(host, count)}->{_span(inside, count)}/{protocol}")
    return sorted(found)


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first}-{first + count - 1}"


def published(said: Json) -> list[tuple[str, str, str]]:
    """The ports that a container has on the host: inside with protocol, address, port."""
    if text(a_map(a_map(said).get("HostConfig")).get("NetworkMode")) == "host":
        return []
    ports = a_map(a_map(a_map(said).get("NetworkSettings")).get("Ports"))
    return [
        (inside, text(place.get("HostIp")) or "0.0.0.0", text(place.get("HostPort")))  # noqa: S104
        for inside in sorted(ports)
        for place in map(a_map, a_list(ports[inside]))
    ]
