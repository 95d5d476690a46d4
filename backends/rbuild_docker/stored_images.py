"""The images in docker's storage, and what each takes there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, cast

from rbuild_docker.client import Client
from rbuild_docker.storage import Inspected, inspect_all, labels_of
from rootless_build.backend import LABEL_IMAGE, Pairs, StoredImage, StoredImages

_ALL: Final = ("image", "ls", "--all", "--quiet", "--no-trunc")
_SETTING: Final = re.compile(
    r"(?:/bin/sh -c #\(nop\) +)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER"
    r"|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)
"""Instructions that make no layer, as `docker history` shows them."""


def image_ids(client: Client) -> frozenset[str]:
    """The ids of all images."""
    listed = client.answer("docker did not list its images", *_ALL)
    return frozenset(_plain(word) for word in listed.split())


def layer_chains(client: Client) -> Sequence[Sequence[str]]:
    """The digests of the layers of every image, 64 hex digits each, the lowest first."""
    found = inspect_all(client, "image", *_ALL)
    roots = (cast("dict[str, list[str] | None] | None", item.get("RootFS")) for item in found)
    return [[_plain(layer) for layer in (root or {}).get("Layers") or ()] for root in roots]


def stored_images(client: Client) -> StoredImages:
    """All images, and what keeps each."""
    found = {_plain(str(item["Id"])): item for item in inspect_all(client, "image", *_ALL)}
    layers = {identity: _layers(item) for identity, item in found.items()}
    containers: dict[str, tuple[str, ...]] = {}
    listing = ("ps", "--all", "--quiet", "--no-trunc")
    for item in inspect_all(client, "container", *listing):
        image = _plain(str(item["Image"]))
        name = str(item["Name"]).removeprefix("/")
        containers[image] = (*containers.get(image, ()), name)
    parents = {identity: _plain(str(item.get("Parent") or "")) for identity, item in found.items()}
    tops: dict[str, list[str]] = {}
    for identity, chain in layers.items():
        if chain:
            tops.setdefault(chain[-1], []).append(identity)

    def ancestors(identity: str) -> Iterator[str]:
        parent = parents[identity]
        while parent in found:
            yield parent
            parent = parents[parent]
        # BuildKit notes no parent: one of fewer layers, all of them in this one.
        for layer in layers[identity][:-1]:
            yield from tops.get(layer, ())

    labels = {identity: labels_of(item) for identity, item in found.items()}
    below = {identity: frozenset(ancestors(identity)) for identity in found}

    def own(identity: str) -> Pairs:
        inherited = {pair for each in below[identity] for pair in labels[each]}
        return tuple(
            pair for pair in labels[identity] if pair[0] != LABEL_IMAGE or pair not in inherited
        )

    images = tuple(
        StoredImage(
            id=identity,
            names=tuple(cast("list[str] | None", item.get("RepoTags")) or ()),
            labels=own(identity),
            layers=layers[identity],
            ancestors=below[identity],
            containers=containers.get(identity, ()),
            # The classic builder keeps what an image was made of; BuildKit tells of nothing.
            label_proves=parents[identity] in found or _labels_itself(client, identity, labels),
        )
        for identity, item in found.items()
    )
    return StoredImages(images)


def layer_sizes(client: Client, images: Collection[StoredImage]) -> Mapping[str, int]:
    """Bytes of each layer, as `docker system df` counts them."""
    found: dict[str, int] = {}
    for image in sorted(images, key=lambda image: -len(image.layers)):
        if set(image.layers) - found.keys():
            found |= zip(image.layers, _sizes(client, image), strict=False)
    return found


def _labels_itself(client: Client, identity: str, labels: Mapping[str, Pairs]) -> bool:
    """Whether the last entry of an image's history is the label of a build of rbuild's: what was
    handed over notes no parent.
    """
    if LABEL_IMAGE not in dict(labels[identity]):
        return False
    words = ("history", "--no-trunc", "--format", "{{.CreatedBy}}", identity)
    last = client.capture(*words).text.partition("\n")[0]
    return LABEL_IMAGE in last


def _sizes(client: Client, image: StoredImage) -> Sequence[int]:
    """Of each layer, the lowest first; none where the history does not tell which is whose."""
    format_ = "{{.Size}}\t{{.CreatedBy}}"
    words = ("history", "--no-trunc", "--human=false", "--format", format_, image.id)
    rows = [line.partition("\t") for line in client.capture(*words).text.splitlines()]
    sizes = [
        (int(size), made_by) for size, _, made_by in reversed(rows) if size.strip().isdecimal()
    ]
    made = [(size, by) for size, by in sizes if size or not _SETTING.match(by)]
    # A RUN that changed nothing makes no layer.
    while len(made) > len(image.layers) and any(not size for size, _ in made):
        made.remove(next(row for row in reversed(made) if not row[0]))
    return [size for size, _ in made] if len(made) == len(image.layers) else ()


def _layers(item: Inspected) -> tuple[str, ...]:
    """What stands for each layer: the same files on others are another one."""
    root = cast("dict[str, list[str] | None] | None", item.get("RootFS")) or {}
    digest = hashlib.sha256()
    found = []
    for layer in root.get("Layers") or ():
        digest.update(layer.encode())
        found.append(digest.hexdigest())
    return tuple(found)


def _plain(identity: str) -> str:
    return identity.removeprefix("sha256:")
