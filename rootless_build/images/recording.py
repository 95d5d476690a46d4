"""The build of an image put down as it is done: what the engine is handed, and what it is asked to
build.

Both are all that an engine gets of a build in segments, so whoever repeats them in their order has
the same image. No engine gets a name for what is made here, and what a RUN mounts of a build
context is an image too: nothing of this host's directories is in it.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Engine, Image, ImageContent, ImageStore, image_store
from rootless_build.backend.build_files import own_ignore_file
from rootless_build.backend.cached import RememberingEngine
from rootless_build.images.layers.request import Copying, ImageFiles, MountPoints, Operation
from rootless_build.model import references
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import stops

CONFIGURATION: Final = "config"
MANIFEST: Final = "manifest.json"
LAYERS: Final = "layers"
"""What a directory of an image that the engine was handed has: its configuration, the manifest, and
the layers by their digests."""
CONTAINERFILE: Final = "Dockerfile"
CONTEXT: Final = "context"
IMAGE_ID: Final = "image-id"
"""What a directory of a build has, and the file that it is to write."""
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Handed(Struct, frozen=True):
    """The engine was handed an image, which is in `directory`."""

    directory: Path
    image: str


class Built(Struct, frozen=True):
    """The engine has built an image with the layers of these digests; the files of `step` are in
    `directory`.
    """

    directory: Path
    image: str
    step: BuildImage
    layers: tuple[str, ...]


class Named(Struct, frozen=True):
    """An image was to get a name."""

    image: str
    name: str


Record = Handed | Built | Named


class Recording(RememberingEngine):
    """An engine whose builds are put down in directories of `place`, which are numbered.

    Raises UnsupportedError for what can't be repeated: a layer of files that a RUN has made.
    """

    def __init__(self, engine: Engine, place: Path, first: int) -> None:
        super().__init__(engine, dict)
        self._place = place
        self._number = first
        self.records: list[Record] = []
        self.outside: dict[str, None] = {}
        """The ids of the images that were there before."""
        self._lock = threading.Lock()
        self._made: set[str] = set()
        self._layers: set[str] = set()
        self._of_runs: set[str] = set()
        """Digests of layers: of what was there or handed over, and those that RUNs made."""
        self._files_of_runs: set[tuple[Path, ...]] = set()
        self._named: dict[str, str] = {}

    @property
    def number(self) -> int:
        """That of the next directory."""
        return self._number

    @property
    def made(self) -> tuple[str, ...]:
        """The ids of the images that the build had the engine have, in their order."""
        records = [each for each in self.records if not isinstance(each, Named)]
        return tuple(dict.fromkeys(each.image for each in records))

    @property
    def image_store(self) -> ImageStore | None:
        """See `rootless_build.backend.api.image_store`; archives are none here."""
        store = image_store(self._engine)
        return None if store is None or store.archives else _Store(store, self)

    @property
    def saved_images(self) -> ImageStore | None:
        """None: what is read of files here is where the engine has it."""
        return None

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Build, and put down of what."""
        directory = self.directory()
        kept = _kept(step, directory)
        image = super().build_image(step, reporter)
        store = image_store(self._engine)
        content = store.content(image) if store is not None else None
        if content is None:
            message = f"the image {image.id[:12]} can't be read where it lies"
            raise UnsupportedError(message)
        layers = digests(content.configuration)
        with stops.held(self._lock):
            self._of_runs |= set(layers) - self._layers
            self._made.add(image.id)
            self.records.append(Built(directory, image.id, kept, layers))
        return image

    def tag_image(self, image: Image, name: str) -> None:
        """Put the name down; the image of it stays what it is, but for the builds that follow."""
        self.records.append(Named(image.id, name))
        self._named[references.canonical(name)] = image.id

    def find_images(self, names: Sequence[str]) -> Sequence[Image | None]:
        """The images of these names, as they will be where this is repeated."""
        ids = [self._named.get(_canonical(name), name) for name in names]
        return super().find_images(ids)

    def check(self, operations: Sequence[Operation | MountPoints]) -> None:
        """Look at what layers are made of. Raises UnsupportedError for what a RUN has made."""
        for each in operations:
            for source in each.sources if isinstance(each, Copying) else ():
                if isinstance(source, ImageFiles) and source.layers in self._files_of_runs:
                    message = f"files that a RUN makes ({source.path}) are copied into a layer"
                    raise UnsupportedError(message, hint="rbuild alone makes layers of these")

    def directory(self) -> Path:
        """The next one."""
        with stops.held(self._lock):
            self._number += 1
            made = self._place / str(self._number - 1)
        made.mkdir()
        return made

    def seen(self, image: Image, content: ImageContent) -> None:
        """An image that the build reads."""
        layers = digests(content.configuration)
        if image.id not in self._made:
            self.outside[image.id] = None
            self._layers.update(layers)
        elif not self._of_runs.isdisjoint(layers):
            self._files_of_runs.add(content.layers)

    def handed(self, directory: Path, image: Image) -> None:
        """The engine has an image which was in the directory."""
        with stops.held(self._lock):
            self._made.add(image.id)
            self._layers.update(digests((directory / CONFIGURATION).read_bytes()))
            self.records.append(Handed(directory, image.id))

    def has_made(self, image: Image) -> bool:
        """Whether this build had the engine have the image."""
        return image.id in self._made

    def begins_with(self, image: Image) -> bool:
        """Whether the image was found, by a name or as another's base, before it was read."""
        return image.id in self.outside


class _Store:
    """See `rootless_build.backend.api.ImageStore`. It has what the build itself has made of images,
    and those that it starts from: what an earlier build made has to be made again.
    """

    archives = False
    layout_transport = ""

    def __init__(self, store: ImageStore, recording: Recording) -> None:
        self._store = store
        self._recording = recording

    @property
    def mount_program(self) -> str:
        return self._store.mount_program

    def content(self, image: Image) -> ImageContent | None:
        content = self._store.content(image)
        if content is not None and self._is_known(image):
            self._recording.seen(image, content)
            return content
        return None

    def _is_known(self, image: Image) -> bool:
        # An image that was looked for by its name has more than its id.
        return (
            self._recording.has_made(image)
            or self._recording.begins_with(image)
            or image != Image(image.id)
        )

    def has_layers(self, digests: Sequence[str]) -> bool:
        return self._store.has_layers(digests)

    def add(self, layout: Path) -> Image:
        image = self._store.add(layout)
        directory = self._recording.directory()
        layers = directory / LAYERS
        layers.mkdir()
        for each in layout.iterdir():
            if each.name == image.id:
                shutil.move(each, directory / CONFIGURATION)
            elif _DIGEST.fullmatch(each.name):
                shutil.move(each, layers / each.name)
            elif each.name in {MANIFEST, "version"}:
                shutil.move(each, directory / each.name)
        self._recording.handed(directory, image)
        return image


def _canonical(name: str) -> str:
    return name if references.is_id(name) else references.canonical(name)


def digests(configuration: bytes) -> tuple[str, ...]:
    """The digests of an image's layers, the lowest first, 64 hex digits each."""
    found = json.loads(configuration)["rootfs"]["diff_ids"]
    return tuple(str(each).removeprefix("sha256:") for each in found)


def _kept(step: BuildImage, directory: Path) -> BuildImage:
    """The step with all of its files in a directory."""
    file = step.containerfile
    if file is None:
        message = "a segment has a containerfile"
        raise ValueError(message)
    kept = directory / CONTAINERFILE
    shutil.copyfile(file, kept)
    own_ignore_file(kept).touch()
    context = directory / CONTEXT
    contexts: list[tuple[str, str]] = []
    for name, value in step.build_contexts:
        if "://" in value:
            contexts.append((name, value))
        elif _is_named(name, kept):
            place = directory / f"context-{len(contexts)}"
            shutil.copytree(value, place, symlinks=True)
            contexts.append((name, str(place)))
    # What a rewritten RUN has beside it are files of its own, where it has any.
    if step.context.parent == file.parent:
        shutil.copytree(step.context, context, symlinks=True)
    else:
        context.mkdir()
    return replace(
        step,
        context=context,
        containerfile=kept,
        build_contexts=tuple(contexts),
        image_id_file=directory / IMAGE_ID,
    )


def _is_named(name: str, containerfile: Path) -> bool:
    """Whether something is taken of a build context."""
    return f"from={name}".encode() in containerfile.read_bytes()
