"""The files of an image, for podman and buildah: those of a container that is never started."""

from __future__ import annotations

from pathlib import Path

from rootless_build.backend import Engine, Image, Pairs, RunContainer, StepFailedError

_NEVER_RUN = ("none",)
"""A command that the container has to have, since an image of files alone has none."""


def copy_image(engine: Engine, image: Image, labels: Pairs, destination: Path) -> None:
    """Copy the files of an image into `destination`: the method of that name of both engines."""
    step = RunContainer(image.id, _NEVER_RUN, network="none", labels=labels)
    with engine.container(step, image) as container:
        if not container.copy_out("/", destination):
            raise StepFailedError(f"the image {image.id[:12]} has no files")
