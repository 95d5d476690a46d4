"""An image build of which only what changed is done (`images.incremental`), if that is certain."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rootless_build.backend.api import Image
from rootless_build.freshness.context_images import KeptContextImages
from rootless_build.freshness.full_builds import FullBuilds
from rootless_build.images.incremental import Changes, build_changes
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.runner.context import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rootless_build.freshness.image_builds import ImageBuild
    from rootless_build.images.layers.client import LayerMaker
    from rootless_build.images.own_files import OwnFiles
    from rootless_build.images.segments.context_images import Keeping


class IncrementalBuild:
    """One of them; `building` is the record of the build that goes on."""

    def __init__(self, context: Context, building: ImageBuild) -> None:
        self._context = context
        self._building = building

    def attempt(
        self, step: BuildImage, own: OwnFiles, maker: LayerMaker | None, reporter: StepReporter
    ) -> Image | None:
        """The image, made of the last one and what changed; None: it is to be built as a whole."""
        options, place = self._context.options.images, self._building.full_place
        if maker is None or place is None or self._building.forced or step.no_cache:
            return None
        try:
            changes = FullBuilds(place).changes(self._building.made_of, options.incremental)
            return build_changes(
                changes,
                step,
                self._context.engine,
                reporter,
                own,
                options.rewriting.data if options.rewriting else None,
                maker,
                lambda inner: self._watch(changes, inner),
            )
        except RbuildError as error:
            # What is wrong with more than what changed is said by the build as a whole.
            text = f"all of the image is built: {error.message}"
            reporter.notice("not-incremental", text, Level.DETAIL)
            return None

    def begin(self) -> Path | None:
        """Where a build as a whole puts down what the next one needs; None for nowhere."""
        place = self._building.full_place
        return FullBuilds(place).begin() if place else None

    def contexts(self, own: OwnFiles) -> Keeping | None:
        """The images of what RUNs mount of the build context; None for none that are kept."""
        building, place = self._building, self._building.contexts_place
        if place is None:
            return None
        return KeptContextImages(
            place,
            building.look,
            self._context.options.images.incremental,
            reuse=not building.forced,
            bundles=bool(own.bundles),
        )

    @contextmanager
    def _watch(self, changes: Changes, reporter: StepReporter) -> Iterator[StepReporter]:
        level = Level.INFO if self._context.options.explain else Level.DETAIL
        reporter.notice("incremental", _told(changes), level)
        with self._building.watch(reporter) as watched:
            yield watched


def end(building: ImageBuild, *, changed: bool) -> None:
    """A build has ended, as a whole or not; files `changed` meanwhile."""
    if building.full_place:
        FullBuilds(building.full_place).end(None if changed else building.made_of)


def _told(changes: Changes) -> str:
    count = len(changes.files)
    files = "one file" if count == 1 else f"{count} files"
    built = datetime.fromtimestamp(changes.full.built).astimezone()
    today = built.date() == datetime.now().astimezone().date()
    moment = f"{built:%H:%M}" if today else f"{built:%Y-%m-%d %H:%M}"
    return f"one layer on the image of {moment}: {files} changed since"
