"""The copies of images that podman and buildah keep for containers whose ids are exchanged.

containers/storage has each image's own top layer, and those with other owners ("mapped-layers"), in
images.json; layers.json has the maps (seen with podman 4.3.1 and buildah 1.28.2). A copy holds all
files of the image, and goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from rbuild_containers.id_maps import IdMap
from rbuild_containers.working import Storage

Maps = tuple[Sequence[IdMap], Sequence[IdMap]]
"""Of uids, of gids."""


def copy_size(storage: Storage, image: str, maps: Maps) -> int | None:
    """Bytes that the files of an image have, about, where there is no copy of them with these maps.

    None where there is one, for an image that is not known here, and with fuse-overlayfs, which
    shows the owners that are wanted without a copy.
    """
    if storage.has_mount_program:
        return None
    images = {row["id"]: row for row in storage.rows("images")}
    layers = {row["id"]: row for row in storage.rows("layers")}
    found = images.get(image)
    if found is None:
        return None
    for name in found.get("mapped-layers") or ():
        layer = layers.get(name, {})
        if (_maps(layer.get("uidmap")), _maps(layer.get("gidmap"))) == tuple(map(set, maps)):
            return None
    size, name = 0, found.get("layer")
    while name in layers:
        size += layers[name].get("diff-size") or 0
        name = layers[name].get("parent")
    return size


def _maps(rows: Sequence[dict[str, int]] | None) -> set[IdMap]:
    return {IdMap(row["container_id"], row["host_id"], row["size"]) for row in rows or ()}
