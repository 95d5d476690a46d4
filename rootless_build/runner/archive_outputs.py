"""Images that go into files: `--output type=oci,dest=…`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rootless_build.backend.api import Engine, Image, ImageSaver, image_saver
from rootless_build.bundles.merging import merge_tree
from rootless_build.images import image_archives
from rootless_build.images.image_archives import DOCKER, OCI
from rootless_build.model import outputs
from rootless_build.model.errors import StepFailedError, UnsupportedError
from rootless_build.model.plan import BuildImage, BuildOutput
from rootless_build.process import identities
from rootless_build.process.proc import umask


def check(step: BuildImage, engine: Engine) -> None:
    """Raises UnsupportedError for an engine whose images can't be written."""
    if image_saver(engine) is None:
        output = outputs.archives(step)[0]
        message = f"this engine writes no image into a file (--output type={output.type})"
        raise UnsupportedError(message, hint="use --backend podman or --backend buildah")


def write(step: BuildImage, images: Sequence[Image], engine: Engine) -> None:
    """Write the image of each platform to every output that is one in a file.

    Raises StepFailedError.
    """
    saver = image_saver(engine)
    assert saver is not None  # check() has said so
    for output in outputs.archives(step):
        target = outputs.destination(output)
        try:
            _write(output, target, images, saver)
        except OSError as error:
            message = f"the output {target} could not be written: {error.strerror or error}"
            raise StepFailedError(message) from error


def _write(output: BuildOutput, target: Path, images: Sequence[Image], saver: ImageSaver) -> None:
    attributes = dict(output.attributes)
    names = [name.strip() for name in attributes.get("name", "").split(",") if name.strip()]
    kind = OCI if output.type == "oci" else DOCKER
    target.parent.mkdir(parents=True, exist_ok=True)
    near = f".{identities.private_prefix()}"
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=near) as place:
        saved = []
        for number, image in enumerate(images):
            own = Path(place) / f"saved-{number}"
            own.mkdir()
            saved.append(saver.save(image, own))
        layout, archive = Path(place) / "layout", Path(place) / "archive"
        layout.mkdir()
        if attributes.get("tar", "true") == "false":
            image_archives.layout(saved, names, kind, layout)
            target.mkdir(exist_ok=True)
            merge_tree(layout, target, Path(place))
            return
        image_archives.write(saved, names, kind, layout, archive)
        archive.chmod(0o666 & ~umask())
        archive.replace(target)
