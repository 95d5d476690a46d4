"""The images in the storage that podman and buildah share, and what each takes there.

containers/storage has images, layers and containers in `DRIVER-images/images.json` and so on; an
image's configuration is a file beside its manifest, named in base64. The files of a layer are in
`overlay/LAYER` or `vfs/dir/LAYER`; of other drivers only the sizes on record are known. (Seen with
podman 4.3.1 and buildah 1.28.2.)
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from rbuild_containers.working import Storage
from rootless_build.backend import LABEL_IMAGE, Pairs, StoredImage, StoredImages, programs

_DIRECTORIES: Final = {"overlay": ("overlay",), "vfs": ("vfs", "dir")}
_AT_ONCE: Final = 200
"""Directories in one command: its arguments have a limit."""
_ENTRY: Final = ("created_by", "author", "comment", "empty_layer")

AsOwner = Callable[..., programs.Completed]
"""Runs a program as root of the user's own namespace: files of subordinate uids are its own."""


class _Configuration(Struct, frozen=True):
    """`histories` stand for the beginnings of an image's history, from none to all of it. `parent`
    is the image that docker's format names, which may be gone. `labels_itself`: the last entry of
    the history is the label of a build of rbuild's.
    """

    labels: Pairs
    parent: str
    histories: tuple[str, ...]
    labels_itself: bool


def name_of(storage: Storage) -> str:
    """What stands for the storage, for podman and buildah alike."""
    return f"containers {storage.driver} {storage.root}"


def image_ids(storage: Storage) -> frozenset[str]:
    """The ids of all images."""
    return frozenset(row["id"] for row in storage.rows("images"))


def stored_images(storage: Storage) -> StoredImages:
    """All images, and what keeps each."""
    parents = {row["id"]: row.get("parent") or "" for row in storage.rows("layers")}
    containers = storage.containers_of()
    rows = storage.rows("images")
    known = {row["id"]: _configuration(storage, row["id"]) for row in rows}
    chains = {row["id"]: tuple(_chain(row.get("layer") or "", parents)) for row in rows}
    whole: dict[str, list[str]] = {}
    for identity, configuration in known.items():
        # A manifest list has no history.
        if len(configuration.histories) > 1:
            whole.setdefault(configuration.histories[-1], []).append(identity)
    top = {row["id"]: row.get("layer") or "" for row in rows}

    # An image whose history does not account for its layers: buildah writes another one above it.
    vague = [each for each in known if len(known[each].histories) <= len(chains[each])]

    def ancestors(identity: str) -> Iterator[str]:
        for history in known[identity].histories[:-1]:
            for other in whole.get(history, ()):
                # An image of nothing but settings on none has no layer.
                if other != identity and (not top[other] or top[other] in chains[identity]):
                    yield other
        parent = known[identity].parent
        while parent in known:
            yield parent
            parent = known[parent].parent
        for instance in listed.get(identity, ()):
            yield instance
            yield from ancestors(instance)
        for other in vague:
            if other != identity and top[other] in chains[identity] and identity not in vague:
                yield other

    listed = _listed(storage, rows)
    needed: dict[str, str] = {}
    mounted = storage.mounted_layers()
    for row in rows:
        if mounted & {top[row["id"]], *(row.get("mapped-layers") or ())}:
            needed.setdefault(row["id"], "it is mounted")
    images = tuple(
        StoredImage(
            id=row["id"],
            names=tuple(row.get("names") or ()),
            labels=known[row["id"]].labels,
            layers=(*chains[row["id"]], *(row.get("mapped-layers") or ())),
            copies=tuple(row.get("mapped-layers") or ()),
            ancestors=frozenset(ancestors(row["id"])),
            containers=containers.get(row["id"], ()),
            needed=needed.get(row["id"], ""),
            label_proves=known[row["id"]].labels_itself and _has_first_name(row),
        )
        for row in rows
    )
    own = {layer for image in images for layer in image.layers}
    held = {
        below for layer in parents if layer not in own for below in _chain(parents[layer], parents)
    }
    return StoredImages(images, frozenset(held))


def _listed(storage: Storage, rows: Collection[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """The images that manifest lists refer to, by the ids of these: without one of its images
    podman 4.3.1 neither pushes a list, nor lists images.
    """
    by_digest: dict[str, set[str]] = {}
    for row in rows:
        digests = row.get("big-data-digests") or {}
        own = {digest for name, digest in digests.items() if name.startswith("manifest")}
        for digest in own | {row.get("digest") or ""}:
            by_digest.setdefault(digest, set()).add(row["id"])
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        if row.get("layer"):
            continue
        digests = _instances(storage, row["id"])
        images = {image for digest in digests for image in by_digest.get(digest, ())}
        found[row["id"]] = frozenset(images - {row["id"]})
    return found


def _instances(storage: Storage, image: str) -> Iterator[str]:
    """The digests that a manifest list has; none of what is an image."""
    place = storage.root / f"{storage.driver}-images" / image
    try:
        manifest = json.loads((place / "manifest").read_bytes())
    except (OSError, ValueError):
        return
    rows = manifest.get("manifests") if isinstance(manifest, dict) else None
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield str(row.get("digest"))


def layer_sizes(
    storage: Storage, images: Collection[StoredImage], as_owner: AsOwner
) -> Mapping[str, int]:
    """Bytes on disk of each layer of the images, and of what is kept of each image beside."""
    layers = dict.fromkeys(layer for image in images for layer in image.layers)
    on_record = {row["id"]: row.get("diff-size") for row in storage.rows("layers")}
    found = {layer: size for layer in layers if isinstance(size := on_record.get(layer), int)}
    places: dict[str, str] = {}
    parts = _DIRECTORIES.get(storage.driver)
    for layer in layers if parts else ():
        places[str(storage.root.joinpath(*parts or (), layer))] = layer
        found_tar = storage.root / f"{storage.driver}-layers" / f"{layer}.tar-split.gz"
        if found_tar.exists():
            places[str(found_tar)] = layer
    for image in images:
        places[str(storage.root / f"{storage.driver}-images" / image.id)] = image.id
    sizes: dict[str, int] = {}
    for path, size in _measured(tuple(places), as_owner):
        key = places[path]
        sizes[key] = sizes.get(key, 0) + size
    return found | sizes


def _measured(paths: Sequence[str], as_owner: AsOwner) -> Iterator[tuple[str, int]]:
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        # What goes meanwhile is complained about, the others are told all the same.
        for line in as_owner("du", "-s", "-B1", "--", *some).text.splitlines():
            size, _, path = line.partition("\t")
            if size.isdecimal() and path in some:
                yield path, int(size)


def _chain(layer: str, parents: Mapping[str, str]) -> Iterator[str]:
    seen: set[str] = set()
    while layer and layer not in seen:
        yield layer
        seen.add(layer)
        layer = parents.get(layer, "")


def _configuration(storage: Storage, image: str) -> _Configuration:
    name = base64.b64encode(f"sha256:{image}".encode()).decode()
    file = storage.root / f"{storage.driver}-images" / image / f"={name}"
    try:
        whole = json.loads(file.read_bytes())
    except (OSError, ValueError):
        whole = {}
    data: dict[str, Any] = whole if isinstance(whole, dict) else {}
    inner = data.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    pairs = tuple((str(k), str(v)) for k, v in labels.items()) if isinstance(labels, dict) else ()
    said = _labelling(data.get("history"))
    labels_itself = bool(said) and said[-1]
    if any(said) and not labels_itself:
        pairs = tuple(pair for pair in pairs if pair[0] != LABEL_IMAGE)
    parent = str(data.get("parent") or "").removeprefix("sha256:")
    histories = tuple(_histories(data.get("history")))
    return _Configuration(pairs, parent, histories, labels_itself)


def _labelling(history: object) -> list[bool]:
    """Which entries of a history are the label of a build of rbuild's.

    A build gives it to the images of its instructions too, where no instruction says so, and to its
    result by the last one (podman 4.3.1, buildah 1.28.2). What is made of that has it from below;
    where the history was left out (`--squash-all`, `--omit-history`) no entry tells.
    """
    rows = history if isinstance(history, list) else ()
    return [LABEL_IMAGE in str(row.get("created_by")) for row in rows if isinstance(row, dict)]


def _has_first_name(row: Mapping[str, Any]) -> bool:
    """Whether an image that has a name never had another."""
    names = row.get("names") or ()
    return not names or set(row.get("names-history") or ()) <= set(names)


def _histories(history: object) -> Iterator[str]:
    digest = hashlib.sha256()
    yield digest.hexdigest()
    for entry in history if isinstance(history, list) else ():
        row = entry if isinstance(entry, dict) else {}
        values = [row.get(key) or "" for key in _ENTRY]
        digest.update(json.dumps([_moment(row.get("created")), *values]).encode() + b"\n")
        yield digest.hexdigest()


def _moment(created: object) -> str:
    """However it is written: buildah writes what it inherits anew."""
    try:
        return datetime.fromisoformat(str(created)).astimezone(UTC).isoformat()
    except ValueError:
        return str(created)
