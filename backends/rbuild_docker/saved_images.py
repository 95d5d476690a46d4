"""Images of docker's classic builder, written to files and taken from them.

`docker load` does not ask for a layer that it has below the same ones (20.10.24, 28.2.2 with the
driver overlay2).
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from rbuild_containers.saved_images import SavedImages
from rbuild_docker.client import Client
from rbuild_docker.stored_images import layer_chains
from rootless_build.backend import Image, programs


def saved_images(client: Client, place: Path, find: Callable[[str], Image | None]) -> SavedImages:
    """The images of a daemon; `place` is a directory of its own."""

    def save(image: str, file: Path) -> programs.Completed:
        return client.capture("save", "--output", str(file), image)

    def load(layout: Path) -> programs.Completed:
        archive = layout / "load"
        _write(layout, archive)
        return client.capture("load", "--quiet", "--input", str(archive))

    return SavedImages(place, save, load, find, lambda: layer_chains(client))


def _write(layout: Path, archive: Path) -> None:
    """An image as docker takes it, without the layers that are not in the directory."""
    manifest = json.loads((layout / "manifest.json").read_bytes())
    digest = str(manifest["config"]["digest"]).removeprefix("sha256:")
    layers = [str(layer["digest"]).removeprefix("sha256:") for layer in manifest["layers"]]
    described = [{"Config": digest, "RepoTags": None, "Layers": layers}]
    own = layout / "docker.json"
    own.write_text(json.dumps(described))
    with tarfile.open(archive, "w") as made:
        made.add(own, "manifest.json")
        made.add(layout / digest, digest)
        for layer in dict.fromkeys(layers):
            if (layout / layer).exists():
                made.add(layout / layer, layer)
