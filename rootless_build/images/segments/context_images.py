"""Images of what RUNs mount of the build context: one that was made as a whole, and one layer of
what changed since. The next change starts from the same image again.

What is kept from build to build is kept elsewhere (`Keeping`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from rootless_build.backend.api import Image, ImageStore
from rootless_build.images import configuration as configurations
from rootless_build.images.layers.client import (
    LayerFailedError,
    LayerMaker,
    SourceChangedError,
    UncertainDeltaError,
)
from rootless_build.images.layers.handover import NewLayer
from rootless_build.images.layers.request import (
    INDEX,
    Copying,
    Directory,
    Layer,
    LayersRequest,
    Since,
    Source,
)
from rootless_build.images.segments.steps import Files, State
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.structs import replace

_VERSION: Final = "1"
_DIGITS: Final = 24


class Earlier(Struct, frozen=True):
    """An image that was made as a whole, by its id, with an index of what it holds; the bytes of
    `changed` files of the build context may be others now, of no others. More than a `share` of the
    tree is made as a whole again.
    """

    image: str
    index: Path
    changed: tuple[str, ...]
    share: float


class Seen(Protocol):
    """The files of the build context, as they were when somebody looked."""

    def digest(self, source: Directory) -> str | None:
        """What stands for names, modes, links and bytes of what is there; None where that is not
        all known.
        """

    def earlier(self, name: str) -> Earlier | None:
        """The image of that name, if one is kept."""

    def keep(self, name: str, image: str, index: Path) -> None:
        """Keep an image that was just made of these files as a whole, if they are so still."""


class Keeping(Protocol):
    """What is kept of such images."""

    def look(self, source: Directory) -> Seen | None:
        """Look at the files of the build context now, of which a source is mounted; None where they
        can't be told, or it is not worth it.
        """


class ContextImages:
    """Makes the images of one build. `place` is a private directory of the build; `epoch` is
    SOURCE_DATE_EPOCH, in seconds. What is made of an earlier one is told at `level`.
    """

    def __init__(
        self,
        keeping: Keeping,
        store: ImageStore,
        maker: LayerMaker,
        place: Path,
        epoch: int | None,
        level: Level = Level.DETAIL,
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._maker = maker
        self._place = place
        self._epoch = epoch
        self._level = level
        self._numbers = itertools.count()

    def look(self, source: Directory) -> Seen | None:
        """Look at the files now, of which a source is mounted: see Keeping."""
        return self._keeping.look(source)

    def changed(
        self, seen: Seen, empty: State, copying: Copying, reporter: StepReporter
    ) -> State | None:
        """The state that a COPY upon `empty` comes to: an earlier image and a layer of what
        changed, if there is any; None where it has to be made as a whole.
        """
        earlier = seen.earlier(self._name(empty, copying))
        content = self._store.content(Image(earlier.image)) if earlier is not None else None
        if earlier is None or content is None:
            return None
        output = self._place / f"{next(self._numbers)}-context"
        output.mkdir()
        since = Since(earlier.index, earlier.changed, earlier.share)
        request = LayersRequest((), (copying,), output, self._epoch, since=since)
        try:
            layer = self._maker.make(request)[0]
        except (UncertainDeltaError, LayerFailedError, SourceChangedError):
            return None
        # In use as long as this one is.
        reporter.image(earlier.image)
        reporter.notice("incremental-mount", _told(copying.sources[0], layer), self._level)
        layers = configurations.read(content.configuration).layers
        files = Files(Image(earlier.image), content.layers)
        if not layer.empty:
            new = NewLayer(layer.digest, layer.size, output / "0.tar")
            layers, files = (*layers, layer.digest), replace(files, new=(new,))
        configuration = replace(empty.configuration, layers=layers)
        return replace(empty, files=files, configuration=configuration)

    def keep(self, seen: Seen, copied: State, copying: Copying, image: str) -> None:
        """Keep the image of a COPY upon nothing, which came to the state `copied`."""
        if len(copied.files.new) == 1:
            index = copied.files.new[0].tar.parent / INDEX
            seen.keep(self._name(copied, copying), image, index)

    def _name(self, state: State, copying: Copying) -> str:
        """What stands for all that such an image is made of but the files themselves."""
        now = state.configuration
        about = [
            *(_VERSION, now.os, now.architecture, now.variant, self._epoch),
            msgspec.to_builtins(copying, enc_hook=str),
        ]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:_DIGITS]


def _told(source: Source, layer: Layer) -> str:
    path = source.path.strip("/.") if isinstance(source, Directory) else ""
    what = path or "the build context"
    if layer.empty:
        return f"{what} is mounted from the image that there is of it: nothing changed since"
    return f"{what} is mounted from the image that there is of it, and one layer of what changed"
