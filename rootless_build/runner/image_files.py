"""The files of a built image, copied to where the build's outputs go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from rootless_build.backend.api import Image
from rootless_build.model import outputs, platforms
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.runner import exports
from rootless_build.runner.context import Context
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.staying_containers import ContainerMayStay
from rootless_build.runner.titles import build_name


def export_files(
    step: BuildImage,
    images: Mapping[str, Image],
    context: Context,
    publisher: Publisher,
    reporter: StepReporter,
) -> bool:
    """Copy them to every output; those in the bundles are staged together, and published.

    Of several `images`, by their platforms, each has a directory of its own.
    Says whether a container that was made for it is still there. Raises an RbuildError.
    """
    wanted = context.plan.now.bundles if publisher.stages(step) else None
    made = outputs.files(step)
    with ExitStack() as stack:
        staging = stack.enter_context(publisher.stage()) if wanted else None
        near = staging.path if staging else outputs.destination(made[0])
        copied = stack.enter_context(exports.place_near(near))
        for image in images.values():
            context.provenance.add_container(build_name(step), image)
        with ContainerMayStay(reporter) as container:
            for image, place in _places(images, copied):
                context.engine.copy_image(image, context.labels, place)
        for output in made:
            if staging is None or wanted is None or not outputs.is_inside(output, wanted):
                exports.write(copied, output)
                continue
            staged = outputs.moved(output, wanted.directory, staging.path)
            if output.type == "tar":
                staging.check_target(outputs.destination(staged))
                exports.write(copied, staged)
            else:
                staging.merge(copied, outputs.destination(staged))
        if staging is not None:
            publisher.publish(staging)
    return container.stays


def _places(images: Mapping[str, Image], copied: Path) -> Iterator[tuple[Image, Path]]:
    """Where the files of each image go."""
    for platform, image in images.items():
        place = copied if len(images) == 1 else copied / platforms.directory(platform)
        place.mkdir(exist_ok=True)
        yield image, place
        if place != copied:
            os.utime(place, (0, 0))  # as in BuildKit's archive
