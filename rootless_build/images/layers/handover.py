"""An image handed to an engine: its configuration, and those of its layers that the engine lacks.

The directory is what containers/image calls `dir:`, which podman and buildah pull from: a manifest,
and blobs by their digests. Blobs of layers that the engine has are left out; it finds these by
their digests. The media types are docker's: in OCI's the engines drop SHELL, HEALTHCHECK and
ONBUILD. `dir:` and not an OCI layout, since an image that podman 4.3.1 and buildah 1.28.2 pull from
one gets the directory's name. (Seen with podman 4.3.1, 4.9.3, 5.4.2, 5.8.6 and buildah 1.28.2,
1.33.7, 1.39.3, 1.43.2.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.configuration import Configuration, digest_of, write
from rootless_build.model.errors import ImageBuildError, reason

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGURATION: Final = "application/vnd.docker.container.image.v1+json"
_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"


class NewLayer(Struct, frozen=True):
    """A layer that the engine may not have: the sha256 of its tar archive (its diff id, 64 hex
    digits), its size, and where it is.
    """

    digest: str
    size: int
    tar: Path


def image_id(configuration: Configuration) -> str:
    """The id that an image of that configuration has, with every engine: 64 hex digits."""
    return hashlib.sha256(write(configuration)).hexdigest()


def write_handover(
    directory: Path, configuration: Configuration, new: Iterable[NewLayer] = ()
) -> str:
    """Fill an empty directory with what `backend.ImageStore.add` takes; returns the image's id.

    `new` are layers of the configuration; their archives are moved, so they are on the same file
    system. The engine has all other layers. Raises ImageBuildError where there is no room.
    """
    layers = tuple(new)
    strange = {layer.digest for layer in layers} - set(configuration.layers)
    if strange:
        message = f"the layers {sorted(strange)} are none of the image's"
        raise ValueError(message)
    try:
        return _write(directory, configuration, layers)
    except OSError as error:
        message = f"an image can't be written to {directory}: {reason(error)}"
        raise ImageBuildError(message) from error


def _write(directory: Path, configuration: Configuration, new: Iterable[NewLayer]) -> str:
    sizes = {}
    for layer in new:
        sizes[layer.digest] = layer.size
        layer.tar.rename(directory / layer.digest)
    blob = write(configuration)
    identity = hashlib.sha256(blob).hexdigest()
    (directory / identity).write_bytes(blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _descriptor(_CONFIGURATION, digest_of(identity), len(blob)),
        # No engine asks how large a layer is that it has.
        "layers": [
            _descriptor(_LAYER, digest_of(layer), sizes.get(layer, 0))
            for layer in configuration.layers
        ],
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    (directory / "version").write_text("Directory Transport Version: 1.1\n")
    return identity


def _descriptor(media: str, digest: str, size: int) -> dict[str, str | int]:
    return {"mediaType": media, "digest": digest, "size": size}
