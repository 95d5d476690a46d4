"""The images before those that a run makes: they go when nothing needs them any more."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from rootless_build.images import image_records
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.events import Level, StepReporter
from rootless_build.runner.context import Context

if TYPE_CHECKING:
    from rootless_build.backend.api import Image
    from rootless_build.images.image_journal import Journal
    from rootless_build.images.image_records import ImageRecords
    from rootless_build.model.plan import BuildImage


class SupersededImages:
    """Keeps the record of images up to date, and removes what was replaced.

    They may have names until the last step that gives one; what the bundles were made in stays for
    `rbuild reproduce`, until there are new ones. Without records nothing is removed.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._made: set[str] = set()
        self._new: list[BuildImage] = []
        self._fresh: list[BuildImage] = []
        self.wait = False
        """Whether something was replaced since the last removal."""

    def record(
        self, step: BuildImage, reporter: StepReporter
    ) -> AbstractContextManager[Journal | None]:
        """A context in which a build's images come on record."""
        records = self._context.options.images.records
        if records is None:
            return nullcontext()
        made = image_records.of_build(step, self._context.plan.now.project)
        return image_records.record_build(records(), made, self._context.engine, reporter)

    def record_name(self, image: Image, name: str, *, new: bool) -> None:
        """Put on record that an image has the name: a `new` one, or one of an image of this run."""
        records = self._context.options.images.records
        if records is None or not (new or image.id.removeprefix("sha256:") in self._made):
            return
        # What is not on record stays.
        with suppress(OSError, RbuildError):
            project = str(self._context.plan.now.project)
            records().add_name(image.id, name, project, self._context.engine)

    def add_built(self, step: BuildImage, image: Image) -> None:
        """The step made an image, which may take the place of the one before."""
        self._made.add(image.id.removeprefix("sha256:"))
        if self._context.options.results.supersede:
            self._new.append(step)
            self.wait = True

    def add_fresh(self, step: BuildImage) -> None:
        """The step need not be done; the image before its own may be there for the bundles."""
        self._fresh.append(step)

    def remove(self, reporter: StepReporter, *, new_bundles: bool) -> None:
        """Remove what was replaced; where that can't be, all is done all the same.

        With `new_bundles` nobody needs any more what those before were made in.
        """
        self.wait = False
        records = self._context.options.images.records
        steps = (*self._new, *(self._fresh if new_bundles else ()))
        if records is None or not steps:
            return
        try:
            needed = self._made | self._made_bundles()
            for step in steps:
                self._remove_before(step, records(), needed, reporter)
        except (RbuildError, OSError) as error:
            text = f"what was replaced stays for now: {reason(error)}"
            reporter.notice("not-removed", text, Level.DETAIL)

    def _made_bundles(self) -> set[str]:
        """The ids of the images that the bundles were made in."""
        # A run that changes nothing builds no image.
        from rootless_build.bundles import provenance  # noqa: PLC0415

        wanted = self._context.plan.now.bundles
        places = {self._context.options.bundles.directory, wanted and wanted.directory}
        roots = [place.resolve() for place in places if place and place.is_dir()]
        return {image for root in roots for image in provenance.images(root).values()}

    def _remove_before(
        self, step: BuildImage, records: ImageRecords, needed: set[str], reporter: StepReporter
    ) -> None:
        # A run that changes nothing builds no image.
        from rootless_build.images import superseded  # noqa: PLC0415

        made = image_records.of_build(step, self._context.plan.now.project)
        keep = self._context.options.images.keep
        gone, stay = superseded.remove_superseded(records, made, self._context.engine, keep, needed)
        if gone:
            text = f"the image that was replaced is gone, and {gone - 1} of its instructions"
            reporter.notice("replaced", text if gone > 1 else text.partition(",")[0], Level.DETAIL)
        if stay:
            text = f"{stay} replaced images stay, for they are used; rbuild clean --images says why"
            reporter.notice("not-removed", text, Level.DETAIL)
