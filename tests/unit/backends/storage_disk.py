"""A storage of podman's and buildah's, as containers/storage lays it out, with one image."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from rbuild_containers.image_store import ContainersStore
from rbuild_containers.working import Storage
from rootless_build.backend.api import Image, ImageContent
from rootless_build.images.configuration import Configuration, write
from rootless_build.images.layers.handover import image_id
from rootless_build.process import programs

LOW, HIGH = "1" * 64, "2" * 64
"""Digests. Storage calls the layers `low` and `high`."""
CONFIGURATION = Configuration("amd64", layers=(LOW, HIGH))
IMAGE = Image(image_id(CONFIGURATION))


class Disk:
    """A storage with one image of two layers."""

    def __init__(self, root: Path, driver: str = "overlay") -> None:
        self.storage = Storage(root, driver)
        self.asked: list[tuple[str, ...]] = []
        self.answer = programs.Completed(125, b"", b"Error: no space left on device")
        self.layers = [
            {"id": "low", "diff-digest": f"sha256:{LOW}"},
            {"id": "high", "parent": "low", "diff-digest": f"sha256:{HIGH}"},
        ]
        for name in ("low", "high"):
            place = root / "vfs/dir" / name if driver == "vfs" else root / driver / name / "diff"
            place.mkdir(parents=True)
        self.write("layers", self.layers)
        self.add_image()

    def write(self, kind: str, rows: object) -> None:
        file = self.storage.record(kind)
        file.parent.mkdir(exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.rename(file)

    def add_image(self, configuration: Configuration = CONFIGURATION, layer: str = "high") -> None:
        identity = image_id(configuration)
        place = self.storage.record("images").parent / identity
        place.mkdir(parents=True)
        name = base64.b64encode(f"sha256:{identity}".encode()).decode()
        (place / f"={name}").write_bytes(write(configuration))
        (place / "manifest").write_text("{}")
        rows = self.storage.rows("images")
        self.write("images", [*rows, {"id": identity, "layer": layer}])

    def command(self, *words: str, environment: programs.Environment) -> programs.Completed:
        self.asked.append(words)
        return self.answer

    @property
    def store(self) -> ContainersStore:
        return ContainersStore(self.storage, self.command)

    def content(self) -> ImageContent | None:
        return self.store.content(IMAGE)
