"""Images that buildah writes to files: of a storage that can't be read where it lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rbuild_containers.image_store import Command, pull_layout
from rbuild_containers.saved_images import SavedImages
from rootless_build.backend import Image, programs


def saved_images(command: Command, place: Path, find: Callable[[str], Image | None]) -> SavedImages:
    """The images of buildah; `place` is a directory of its own."""

    def save(image: str, file: Path) -> programs.Completed:
        return command("push", "--quiet", image, f"docker-archive:{file}")

    def load(layout: Path) -> programs.Completed:
        return pull_layout(layout, command)

    return SavedImages(place, save, load, find, None)
