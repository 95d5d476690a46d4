"""An image of which only files changed that the last COPY takes: the last one that was built as a
whole, and one layer of what changed since.

All that such a build reads is read again, in the same way, and has to come to the same, but for
that layer: so no RUN is done again, and no engine is asked for anything but to take a layer. What
can't be said for certain is not done in this way.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Engine, Image, ImageStore, image_store
from rootless_build.files.private_directories import large_directory
from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.layers import handover
from rootless_build.images.layers.client import LayerMaker
from rootless_build.images.layers.handover import NewLayer
from rootless_build.images.layers.request import (
    Layer,
    LayersRequest,
    Since,
    is_of_images_alone,
)
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.segments.finishing import finished, without_label
from rootless_build.images.segments.moments import epoch_of
from rootless_build.images.segments.readings import FullBuild, Reading, taken_contexts
from rootless_build.images.segments.sources import ContextFiles
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace

_MOST_LAYERS: Final = 100
"""As in segments.build."""
_CHANGED: Final = "# what changed"
"""What the history says of the layer, which docker's images have not."""


class NotIncrementalError(RbuildError):
    """The image has to be built as a whole; `message` says why."""

    code = "not-incremental"


class Changes(Struct, frozen=True):
    """What changed since the last build as a whole, `full`, with an index of what its last layer
    holds: the bytes of `files` of the build context, by their paths in it. More than a `share` of
    the tree is built as a whole.
    """

    full: FullBuild
    index: Path
    files: tuple[str, ...]
    share: float


class _Layers(Struct, frozen=True):
    """The configuration with the new layer, if there is one."""

    configuration: Configuration
    new: tuple[NewLayer, ...]


def build_changes(
    changes: Changes,
    step: BuildImage,
    engine: Engine,
    reporter: StepReporter,
    own: OwnFiles,
    data: Path | None,
    maker: LayerMaker,
    watch: Callable[[StepReporter], AbstractContextManager[StepReporter]],
) -> Image:
    """Build and tag the image. `own` are the places of rbuild's own files, `data` is the user's
    directory for what is kept.

    Raises NotIncrementalError, an RbuildError: all of it is to be built then. What `watch` gives
    has been begun if it is not NotIncrementalError.
    """
    store = image_store(engine)
    with large_directory() as place:
        if store is None or store.archives:
            raise NotIncrementalError("layers of this engine can't be read where they lie")
        _check_ignore_files(changes.full, step, own)
        try:
            layers = _Making(changes, step, store, maker, place).layers()
        except NotIncrementalError:
            raise
        except RbuildError as error:
            raise NotIncrementalError(error.message) from error
        with watch(without_label(reporter)) as watched:
            # What watches the files of a build waits for its label.
            for name, value in step.labels:
                watched.instruction(1, 1, f"LABEL {name}={value}")
            return _store(layers, changes.full, step, engine, store, watched, data, place)


def _check_ignore_files(full: FullBuild, step: BuildImage, own: OwnFiles) -> None:
    """Raise NotIncrementalError where other files of a context are ignored now."""
    now = ContextFiles.of(step, own)
    ignored = {each.root: each.ignored for each in (now.main, *now.named.values())}
    for source in taken_contexts((full.last, *full.others)):
        if ignored.get(source.root) != source.ignored:
            raise NotIncrementalError("other files are ignored than before")


class _Making:
    """The layers of such a build. Raises NotIncrementalError, an error of the layer maker."""

    def __init__(
        self,
        changes: Changes,
        step: BuildImage,
        store: ImageStore,
        maker: LayerMaker,
        place: Path,
    ) -> None:
        self._changes = changes
        self._epoch = epoch_of(step)
        self._store = store
        self._maker = maker
        self._place = place

    def layers(self) -> _Layers:
        """What the image has."""
        changes, full = self._changes, self._changes.full
        if self._store.content(Image(full.image)) is None:
            raise NotIncrementalError("the image that was built as a whole is gone")
        if len(full.last.layers) > _MOST_LAYERS:
            raise NotIncrementalError(f"it has {len(full.last.layers)} layers")
        for number, reading in enumerate(full.others):
            _check_same(reading, self._make(reading, self._directory(f"other{number}")))
        output = self._directory("layers")
        since = Since(changes.index, changes.files, changes.share)
        made = self._make(full.last, output, since)
        _check_same(full.last, made[:-1])
        last = made[-1]
        if last.empty:
            return _Layers(full.configuration, ())
        tar = output / f"{len(made) - 1}.tar"
        entry = History(LONG_AGO, _CHANGED, comment=BUILDKIT)
        before = full.configuration
        configuration = replace(
            before, layers=(*before.layers, last.digest), history=(*before.history, entry)
        )
        return _Layers(configuration, (NewLayer(last.digest, last.size, tar),))

    def _directory(self, name: str) -> Path:
        made = self._place / name
        made.mkdir()
        return made

    def _make(
        self, reading: Reading, output: Path, since: Since | None = None
    ) -> tuple[Layer, ...]:
        base: tuple[Path, ...] = ()
        if reading.base:
            content = self._store.content(Image(reading.base))
            if content is None:
                raise NotIncrementalError("an image that it is made of is gone")
            base = content.layers
        request = LayersRequest(base, reading.operations, output, self._epoch, since=since)
        return self._maker.make(request)


def _check_same(reading: Reading, made: tuple[Layer, ...]) -> None:
    """Raise NotIncrementalError where layers are not those of a reading, of which there may be
    fewer.
    """
    for operation, before, layer in zip(reading.operations, reading.made, made, strict=False):
        skipped = is_of_images_alone(operation) and not layer.digest
        if layer.digest != before and not skipped:
            raise NotIncrementalError("another instruction than the last COPY has changed files")


def _store(
    layers: _Layers,
    full: FullBuild,
    step: BuildImage,
    engine: Engine,
    store: ImageStore,
    reporter: StepReporter,
    data: Path | None,
    place: Path,
) -> Image:
    whole = finished(layers.configuration, step, data)
    # All of them are in use as long as this one is.
    for each in full.images:
        reporter.image(each)
    # Put down before it is there: an image of which nobody knows would stay for ever.
    reporter.image(handover.image_id(whole))
    layout = place / "image"
    layout.mkdir()
    handover.write_handover(layout, whole, layers.new)
    made = store.add(layout)
    for tag in step.tags:
        engine.tag_image(made, tag)
    return made
