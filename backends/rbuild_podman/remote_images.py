"""The images of a podman on another host, as its service describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, cast

from rootless_build.backend import Json, StoredImage, StoredImages

Listed = Sequence[Mapping[str, Json]]


_LISTED: Final = "the manifest list {} refers to it"


def described(
    images: Listed, containers: Listed, instances: Callable[[str], frozenset[str]]
) -> StoredImages:
    """All images, and what keeps each; which layers they share is not told.

    `instances` gives the images that a manifest list refers to; none for what is an image.
    """
    parents = {str(item["Id"]): str(item.get("ParentId") or "") for item in images}
    users: dict[str, tuple[str, ...]] = {}
    for item in containers:
        image = str(item.get("ImageID") or "")
        names = cast("list[str] | None", item.get("Names")) or [str(item["Id"])]
        users[image] = (*users.get(image, ()), names[0])
    # A list has no labels.
    unlabelled = {str(item["Id"]) for item in images if not item.get("Labels")}
    lists = {each: instances(each) for each in unlabelled}
    needed = {image: _LISTED.format(name[:12]) for name, of in lists.items() for image in of}
    return StoredImages(
        tuple(
            StoredImage(
                id=str(item["Id"]),
                names=tuple(cast("list[str] | None", item.get("RepoTags")) or ()),
                labels=tuple((cast("dict[str, str] | None", item.get("Labels")) or {}).items()),
                ancestors=frozenset(_ancestors(str(item["Id"]), parents)),
                containers=users.get(str(item["Id"]), ()),
                needed=needed.get(str(item["Id"]), ""),
            )
            for item in images
        )
    )


def _ancestors(image: str, parents: Mapping[str, str]) -> Iterator[str]:
    seen = {image}
    while (image := parents.get(image, "")) and image not in seen:
        seen.add(image)
        yield image
