"""Images of a podman service, written to files and taken from them.

It takes an archive as OCI has it, with a manifest of docker's, and does not ask for a layer that it
has wherever that is; one as docker has it must have all layers (podman 4.3.1). It gets no name.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rbuild_containers.saved_images import SavedImages
from rootless_build.backend import Image, programs

_BLOBS: Final = "blobs/sha256"

Command = Callable[..., programs.Completed]
"""Runs podman's program as the client of the service."""


def saved_images(command: Command, place: Path, find: Callable[[str], Image | None]) -> SavedImages:
    """The images of a service; `place` is a directory of its own."""

    def save(image: str, file: Path) -> programs.Completed:
        return command("save", "--quiet", "--format=docker-archive", f"--output={file}", image)

    def load(layout: Path) -> programs.Completed:
        archive = layout / "load"
        _write(layout, archive)
        return command("load", "--quiet", f"--input={archive}")

    return SavedImages(place, save, load, find, None)


def _write(layout: Path, archive: Path) -> None:
    """An image as podman takes it, without the layers that are not in the directory."""
    manifest = (layout / "manifest.json").read_bytes()
    data = json.loads(manifest)
    digest = hashlib.sha256(manifest).hexdigest()
    found = {"mediaType": data["mediaType"], "digest": f"sha256:{digest}", "size": len(manifest)}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [found]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    with tarfile.open(archive, "w") as made:
        for name in ("oci-layout", "index.json"):
            made.add(layout / name, name)
        made.add(layout / "manifest.json", f"{_BLOBS}/{digest}")
        for blob in dict.fromkeys(each["digest"] for each in (data["config"], *data["layers"])):
            name = str(blob).removeprefix("sha256:")
            if (layout / name).exists():
                made.add(layout / name, f"{_BLOBS}/{name}")
