"""One image of several platforms: the images of each are put together under its names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rootless_build.backend.api import Image, ManifestLists
from rootless_build.images.platform_lists import is_of
from rootless_build.model.errors import ImageNotFoundError, RbuildError
from rootless_build.model.events import ForwardingReporter, Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.platform_builds import builds_of, usual
from rootless_build.runner.context import Context, Outcome
from rootless_build.runner.preparation import Preparation
from rootless_build.runner.superseded_images import SupersededImages
from rootless_build.runner.titles import build_name

FindFresh = Callable[[BuildImage, StepReporter], Outcome | None]
"""What a build comes to that need not be done; None for one that has to be."""
Build = Callable[[BuildImage, StepReporter], Outcome]
"""Does a build."""


Export = Callable[[BuildImage, Mapping[str, Image], StepReporter], bool]
"""Writes the outputs of a build of these images, by platform; says whether a container is left."""


class PlatformImages:
    """Does the builds of a step for several platforms, and puts together what they come to."""

    def __init__(
        self,
        context: Context,
        preparation: Preparation,
        superseded: SupersededImages,
        find_fresh: FindFresh,
        build: Build,
        export: Export,
    ) -> None:
        self._context = context
        self._preparation = preparation
        self._superseded = superseded
        self._find_fresh = find_fresh
        self._build = build
        self._export = export

    def do(self, step: BuildImage, lists: ManifestLists | None, reporter: StepReporter) -> Outcome:
        """Raises an RbuildError. Without `lists` the step has no tags."""
        builds = builds_of(step)
        outcome = self._do_all(step, builds, reporter)
        images = dict[str, Image]()
        for one in builds:
            (platform,), (name,) = one.platforms, one.tags
            image = self._context.images.get(name)
            if image is None:
                message = f"the image for {platform} is not in storage any more"
                raise ImageNotFoundError(message, reference=name)
            images[platform] = image
        # A container of this host has the one of its platform.
        self._context.images.add(step.tags, usual(images))
        if step.outputs and not step.tags:
            self._preparation.prepare()
            left = self._export(step, images, reporter)
            return outcome + Outcome(done=True, container_left=left)
        assert lists is not None
        if is_of(step.tags, frozenset(image.id for image in images.values()), lists):
            found = lists.find(step.tags[0])
            assert found is not None  # as `is_of` has seen
            reporter.image_ready(step.tags, found)
            return outcome
        with self._superseded.record(step, reporter) as journal:
            identity = lists.make(tuple(images.values()), step.tags)
            if journal:
                journal.note_result(identity)
        reporter.image_ready(step.tags, identity)
        return outcome + Outcome(done=True)

    def _do_all(
        self, step: BuildImage, builds: Sequence[BuildImage], reporter: StepReporter
    ) -> Outcome:
        """Those that are not fresh, side by side where none may take another one's base image."""
        outcome, dirty = Outcome(), []
        name = step.tags[0] if step.tags else build_name(step)
        for one in builds:
            reporter.notice("platform", f"{name} for {one.platforms[0]}")
            fresh = self._find_fresh(one, reporter)
            if fresh is None:
                dirty.append(one)
            else:
                outcome += fresh
        if dirty:
            # Once, before any of them begins.
            self._preparation.prepare()
        if self._go_side_by_side(dirty):
            # Few builds are for several.
            from rootless_build.runner.builds_side_by_side import (  # noqa: PLC0415
                BuildsSideBySide,
            )

            return outcome + BuildsSideBySide(dirty, self._build_one, reporter).done()
        return sum((self._build_one(one, reporter) for one in dirty), outcome)

    def _go_side_by_side(self, builds: Sequence[BuildImage]) -> bool:
        if len(builds) < 2 or not self._context.options.results.side_by_side:
            return False
        # A run that changes nothing reads no containerfile: 20 ms.
        from rootless_build.images.platform_bases import do_not_depend  # noqa: PLC0415

        return do_not_depend(builds)

    def _build_one(self, one: BuildImage, reporter: StepReporter) -> Outcome:
        platform = one.platforms[0]
        try:
            return self._build(one, _OfPlatform(reporter, platform))
        except RbuildError as error:
            error.add_note(f"it is the build for {platform}")
            raise


class _OfPlatform(ForwardingReporter):
    """Says of which platform is what is told, as BuildKit does."""

    def __init__(self, inner: StepReporter, platform: str) -> None:
        super().__init__(inner)
        self._platform = platform

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """The engine begins one."""
        named = f"{self._platform} {stage}" if stage else self._platform
        super().instruction(number, of, instruction, stage=named)

    def at_work(
        self,
        number: int,
        of: int,
        instruction: str,
        *,
        stage: str | None = None,
        ends: bool = False,
    ) -> None:
        """An instruction goes on beside others."""
        named = f"{self._platform} {stage}" if stage else self._platform
        super().at_work(number, of, instruction, stage=named, ends=ends)

    def notice(self, code: str, text: str, level: Level = Level.INFO) -> None:
        """Tell the user something."""
        super().notice(code, f"{self._platform}: {text}", level)
