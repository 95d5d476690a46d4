"""One image of several platforms: the images of each are put together under its names."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.backend.api import Image, ManifestLists
from rootless_build.images.platform_lists import is_of
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.platform_builds import builds_of, usual
from rootless_build.runner.context import Context, Outcome
from rootless_build.runner.superseded_images import SupersededImages

Build = Callable[[BuildImage, StepReporter], Outcome]
"""Does the build for one platform, unless its image was made of the same inputs."""


class PlatformImages:
    """Does the builds of a step for several platforms, and puts together what they come to."""

    def __init__(self, context: Context, superseded: SupersededImages, build: Build) -> None:
        self._context = context
        self._superseded = superseded
        self._build = build

    def do(self, step: BuildImage, lists: ManifestLists, reporter: StepReporter) -> Outcome:
        """Raises an RbuildError."""
        outcome, images = Outcome(), dict[str, Image]()
        for one in builds_of(step):
            (platform,), (name,) = one.platforms, one.tags
            reporter.notice("platform", f"{step.tags[0]} for {platform}")
            outcome += self._build(one, reporter)
            image = self._context.images.get(name)
            if image is None:
                message = f"the image for {platform} is not in storage any more"
                raise ImageNotFoundError(message, reference=name)
            images[platform] = image
        # A container of this host has the one of its platform.
        self._context.images.add(step.tags, usual(images))
        if is_of(step.tags, frozenset(image.id for image in images.values()), lists):
            return outcome
        with self._superseded.record(step, reporter) as journal:
            identity = lists.make(tuple(images.values()), step.tags)
            if journal:
                journal.note_result(identity)
        return outcome + Outcome(done=True)
