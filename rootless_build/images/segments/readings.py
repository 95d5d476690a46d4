"""What a build took of build contexts, put down so that a later one can tell whether that is all
the same: each request for layers, with the layers that it came to.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.backend.api import Image
from rootless_build.images.configuration import Configuration
from rootless_build.images.layers.request import (
    INDEX,
    Copying,
    Directory,
    Downloaded,
    Inline,
    MountPoints,
    Operation,
    takes_of_host,
)
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.structs import from_data

_VERSION: Final = 1
_FILE: Final = "build.json"
FILES: Final = "files"
"""The file beside the record that has the index of the last layer (`layers.file_index`)."""


class Reading(Struct, frozen=True):
    """A request for layers upon an image, by its id; empty for none. `made` are the digests of its
    layers, `layers` those of all that there were then.
    """

    base: str
    operations: tuple[Operation | MountPoints, ...]
    made: tuple[str, ...]
    layers: tuple[str, ...]


class FullBuild(Struct, frozen=True):
    """A build of an image as a whole. `configuration` is that of its last stage, without the labels
    of the step. `last` made the last layer, of which the index is kept; `others` took files of the
    host too. `images` are the ids of all that it had to do with. `built`: when, in seconds.
    """

    image: str
    configuration: Configuration
    last: Reading
    others: tuple[Reading, ...]
    images: tuple[str, ...]
    built: float
    version: int = _VERSION


class Readings:
    """Those of one build, while it goes on; several threads may add some. `directory` is where the
    build is put down.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._all: list[tuple[Reading, Path]] = []
        self._incomplete = False

    def add(self, reading: Reading, output: Path) -> None:
        """Layers were made, `output` has the index of the last one."""
        self._all.append((reading, output))

    def add_unknown(self) -> None:
        """Files of a context were read in another way."""
        self._incomplete = True

    def keep(
        self, configuration: Configuration, image: Image, images: Sequence[str], place: Path
    ) -> None:
        """Put the build down, with the index of its last layer; nothing where a later build could
        not tell what is the same. `place` is that of the build: what is there is gone then.
        """
        found = self._last(configuration)
        if found is None:
            return
        last, output = found
        others = tuple(
            each
            for each, _ in self._all
            if each is not last and any(map(takes_of_host, each.operations))
        )
        known = not self._incomplete and all(_is_there_later(r, place) for r in (last, *others))
        if not known or not (output / INDEX).is_file():
            return
        build = FullBuild(image.id, configuration, last, others, tuple(images), time.time())
        # The image is there without it.
        with contextlib.suppress(OSError):
            shutil.copyfile(output / INDEX, self._directory / FILES)
            write(self._directory, build)

    def _last(self, configuration: Configuration) -> tuple[Reading, Path] | None:
        for last, output in reversed(self._all):
            if last.layers == configuration.layers and _is_of_contexts(last.operations[-1]):
                return last, output
        return None


class ImagesTold(ForwardingReporter):
    """Keeps the ids of the images that it is told of."""

    def __init__(self, inner: StepReporter) -> None:
        super().__init__(inner)
        self.images: list[str] = []

    def image(self, identity: str) -> None:
        """The engine has an image for an instruction."""
        self.images.append(identity.removeprefix("sha256:"))
        super().image(identity)


def taken_contexts(readings: Sequence[Reading]) -> Iterator[Directory]:
    """The sources in directories of the host."""
    for reading in readings:
        for operation in reading.operations:
            if isinstance(operation, Copying):
                yield from (s for s in operation.sources if isinstance(s, Directory))


def write(directory: Path, build: FullBuild) -> None:
    """Put a build down in a directory. Raises OSError."""
    # msgspec's own JSON has no place for names that are not UTF-8.
    text = json.dumps(msgspec.to_builtins(build, enc_hook=str))
    (directory / _FILE).write_text(text, encoding="ascii")


def read(directory: Path) -> FullBuild | None:
    """What is put down there; None for nothing that can be read."""
    try:
        build = from_data(json.loads((directory / _FILE).read_bytes()), FullBuild)
    except (OSError, ValueError):
        return None
    return build if build.version == _VERSION else None


def is_there(directory: Path) -> bool:
    """Whether a build is put down there."""
    return (directory / _FILE).is_file()


def _is_of_contexts(operation: Operation | MountPoints) -> bool:
    """Whether it takes nothing but files of directories of the host, and heredocs."""
    return (
        takes_of_host(operation)
        and isinstance(operation, Copying)
        and all(isinstance(source, Directory | Inline) for source in operation.sources)
    )


def _is_there_later(reading: Reading, place: Path) -> bool:
    sources = [
        source
        for operation in reading.operations
        if isinstance(operation, Copying)
        for source in operation.sources
    ]
    if any(isinstance(source, Downloaded) for source in sources):
        return False
    return not any(
        source.modified is not None or source.root.is_relative_to(place)
        for source in sources
        if isinstance(source, Directory)
    )
