"""Volumes, networks, and what all of a kind take on the disk."""

from __future__ import annotations

import hashlib
from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Network, Usage, Volume
from rootless_build.docker_cli.shapes.json import a_list, a_map, labels, text, whole
from rootless_build.docker_cli.templates.data import Json

BUILT_IN: Final = {"host": "host", "none": "null"}
"""Networks that docker has everywhere and podman does not list, with their drivers."""


def volume_inspected(said: Json) -> Json:
    """The object that `docker volume inspect` prints."""
    volume = a_map(said)
    known: dict[str, Json] = {**labels(volume.get("Labels"))}
    return {
        "CreatedAt": volume.get("CreatedAt"),
        "Driver": text(volume.get("Driver")),
        "Labels": known or None,
        "Mountpoint": text(volume.get("Mountpoint")),
        "Name": text(volume.get("Name")),
        "Options": a_map(volume.get("Options")) or None,
        "Scope": text(volume.get("Scope")) or "local",
    }


def volumes_listed(said: Json, used: frozenset[str]) -> list[Volume]:
    """The volumes of `docker volume ls`."""
    found = [a_map(each) for each in a_list(a_map(said).get("Volumes"))]
    return [
        Volume(
            text(each.get("Name")),
            text(each.get("Driver")),
            text(each.get("Mountpoint")),
            labels=labels(each.get("Labels")),
            used=text(each.get("Name")) in used,
        )
        for each in found
    ]


def network_inspected(said: Json) -> Json:
    """The object that `docker network inspect` prints."""
    network = {**a_map(said)}
    return {"EnableIPv4": True, **network}


def built_in_network(name: str) -> Json:
    """The object of one that podman does not list."""
    return {
        "Name": name,
        "Id": hashlib.sha256(name.encode()).hexdigest(),
        "Created": "0001-01-01T00:00:00Z",
        "Scope": "local",
        "Driver": BUILT_IN[name],
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": None},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Options": {},
        "Labels": {},
        "Containers": {},
    }


def network_listed(said: Json) -> Network:
    """A network of `docker network ls`."""
    network = a_map(said)
    created = units.read(text(network.get("Created")))
    return Network(
        text(network.get("Id")),
        text(network.get("Name")),
        text(network.get("Driver")),
        text(network.get("Scope")) or "local",
        units.shown(created),
        network.get("Internal") is True,
        network.get("EnableIPv6") is True,
        labels(network.get("Labels")),
    )


_AT_WORK: Final = ("running", "paused", "restarting")


def usages(said: Json) -> tuple[Usage, ...]:
    """The rows of `docker system df`. What the engine keeps of builds is not docker's to tell."""
    found = a_map(said)
    images, containers, volumes = (
        [a_map(each) for each in a_list(found.get(kind))]
        for kind in ("Images", "Containers", "Volumes")
    )
    of_volumes = [a_map(each.get("UsageData")) for each in volumes]
    used = [each for each in images if whole(each.get("Containers")) > 0]
    own = sum(max(0, whole(each.get("Size")) - whole(each.get("SharedSize"))) for each in used)
    # podman 4.3.1 gives no sum of layers; its own command takes that of the images.
    size = whole(found.get("LayersSize")) or _sum(images, "Size")
    idle = [each for each in containers if text(each.get("State")) not in _AT_WORK]
    unused = [each for each in of_volumes if whole(each.get("RefCount")) == 0]
    return (
        Usage("Images", len(images), len(used), size, max(0, size - own)),
        Usage(
            "Containers",
            len(containers),
            len(containers) - len(idle),
            _sum(containers, "SizeRw"),
            _sum(idle, "SizeRw"),
        ),
        Usage(
            "Local Volumes",
            len(volumes),
            len(volumes) - len(unused),
            _sum(of_volumes, "Size"),
            _sum(unused, "Size"),
        ),
        Usage("Build Cache", has_share=False),
    )


def _sum(objects: list[dict[str, Json]], name: str) -> int:
    return sum(max(0, whole(each.get(name))) for each in objects)
