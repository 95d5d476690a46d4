"""What in docker's storage is rbuild's: everything that carries its labels."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, cast

from rbuild_docker.client import Client
from rootless_build.backend import LABEL_PREFIX, Json, Leftover, LeftoverKind, Pairs

Inspected = Mapping[str, Json]
_SIZE: Final = re.compile(r"([\d.]+)(B|kB|MB|GB|TB)")
_UNITS: Final = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def labelled(client: Client, kinds: Collection[LeftoverKind]) -> Iterator[Leftover]:
    """What of these kinds has `io.rbuild.*` labels; raises StepFailedError.

    docker filters by whole labels, not by a prefix, so everything is listed and inspected.
    """
    if LeftoverKind.CONTAINER in kinds:
        images = inspect_all(client, "image", "image", "ls", "--quiet", "--no-trunc")
        inherited = {str(item["Id"]): labels_of(item) for item in images}
        containers = ("ps", "--all", "--quiet", "--no-trunc")
        for item in inspect_all(client, "container", *containers):
            # A container has its image's labels too: one that the user made has no others.
            labels = set(labels_of(item)) - set(inherited.get(str(item["Image"]), ()))
            if _ours(labels):
                name = str(item["Name"]).removeprefix("/")
                yield Leftover(LeftoverKind.CONTAINER, str(item["Id"]), name, labels_of(item))
    if LeftoverKind.VOLUME in kinds:
        yield from _volumes(client)


def _volumes(client: Client) -> Iterator[Leftover]:
    volumes = [
        item
        for item in inspect_all(client, "volume", "volume", "ls", "--quiet")
        if _ours(labels_of(item))
    ]
    sizes = _volume_sizes(client) if volumes else {}
    for item in volumes:
        name = str(item["Name"])
        yield Leftover(LeftoverKind.VOLUME, name, name, labels_of(item), sizes.get(name))


def _volume_sizes(client: Client) -> dict[str, int]:
    """Bytes by name, rounded as docker prints them; empty where it does not say."""
    listing = ("system", "df", "--verbose", "--format", "{{json .Volumes}}")
    try:
        rows = json.loads(client.capture(*listing).text)
    except ValueError:
        return {}
    found = {}
    for row in rows or ():
        size = _SIZE.fullmatch(str(row.get("Size")))
        if size:
            found[str(row["Name"])] = int(float(size[1]) * _UNITS[size[2]])
    return found


def inspect_all(client: Client, kind: str, *listing: str) -> Iterator[Inspected]:
    ids = tuple(dict.fromkeys(client.answer(f"docker did not list its {kind}s", *listing).split()))
    if ids:
        # What went away meanwhile is complained about, the others are printed all the same.
        text = client.capture(kind, "inspect", "--format", "{{json .}}", *ids).text
        yield from (cast("Inspected", json.loads(line)) for line in text.splitlines() if line)


def labels_of(item: Inspected) -> Pairs:
    holder = item.get("Config") if "Config" in item else item
    labels = cast("dict[str, dict[str, str] | None] | None", holder) or {}
    return tuple((labels.get("Labels") or {}).items())


def _ours(labels: Iterable[tuple[str, str]]) -> bool:
    return any(name.startswith(LABEL_PREFIX) for name, _ in labels)
