"""Builds in segments with an engine that keeps configurations, and whose RUNs do nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rootless_build.backend.api import Image, ImageContent, UserNamespace
from rootless_build.backend.build_files import containerfile
from rootless_build.images import configuration as configurations
from rootless_build.images.building import build_image
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.layers.handover import image_id
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model import platforms
from rootless_build.model.errors import (
    FailedInstruction,
    ImageBuildError,
    ImageNotFoundError,
    StepFailedError,
)
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.unit.runner.fake_engine import FakeEngine

BUILDER = "podman 5.4.2"
OPTIONS = RewriteOptions(BUILDER)
EMPTY = configurations.scratch(platforms.parse(platforms.host()))
OWN_SHELL = configurations.read(
    configurations.write(EMPTY).replace(b'"config":{', b'"config":{"Shell":["/bin/b","-c"],')
)


@dataclass
class Storage(FakeEngine):
    """`runs` are the containerfiles that it was given; `broken` is what it says of an image,
    `fails` is in the instruction that it ends at. `takes_layouts`: its builds take what FROM names
    with the transport; `added` counts what it was handed. `saves`: what can't be read it writes to
    files.
    """

    images: dict[str, Image] = field(default_factory=dict)
    contents: dict[str, ImageContent] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    pulled: list[str] = field(default_factory=list)
    broken: Exception | None = None
    fails: str | None = None
    saves: bool = False
    archives = False
    layout_transport: str = ""
    takes_layouts: bool = True
    tells_of_no_image: bool = False
    added: int = 0

    @property
    def user_namespace(self) -> UserNamespace:
        return UserNamespace(())

    @property
    def image_store(self) -> Storage:
        return self

    @property
    def saved_images(self) -> Saved | None:
        return Saved(self) if self.saves else None

    @property
    def mount_program(self) -> str:
        return ""

    def has(self, name: str, content: bytes | Configuration | None = EMPTY) -> Image:
        """Put an image there; one without content can't be read."""
        image = Image(f"{len(self.images) + 1:064}")
        if isinstance(content, Configuration):
            image = Image(image_id(content))
            content = configurations.write(content)
        if content is not None:
            self.contents[image.id] = ImageContent(content, ())
        self.images[canonical(name)] = image
        return image

    def find_image(self, reference: str) -> Image | None:
        image = self.images.get(reference) or Image(reference)
        if image.id not in self.contents:
            return image if reference in self.images else None
        try:
            return replace(image, environment=self.configuration(image).environment)
        except StepFailedError:
            return image

    def tag_image(self, image: Image, name: str) -> None:
        self.images[canonical(name)] = image

    def content(self, image: Image) -> ImageContent | None:
        return self.contents.get(image.id)

    def has_layers(self, digests: Sequence[str]) -> bool:
        return False

    def add(self, layout: Path) -> Image:
        if self.broken is not None:
            raise self.broken
        self.added += 1
        return self._take(layout)

    def _take(self, layout: Path) -> Image:
        manifest = json.loads((layout / "manifest.json").read_text())
        identity = manifest["config"]["digest"].removeprefix("sha256:")
        self.contents[identity] = ImageContent((layout / identity).read_bytes(), ())
        return Image(identity)

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        text = containerfile(step).read_text()
        self.builds.append(step)
        self.runs.append(text)
        name = re.findall(r"^FROM (\S+)", text, re.MULTILINE)[-1]
        if self.layout_transport and name.startswith(self.layout_transport):
            if not self.takes_layouts:
                if self.tells_of_no_image:  # buildah 1.45
                    raise ImageNotFoundError(f"no image {name}", reference=name)
                raise ImageBuildError(FailedInstruction(f"FROM {name}", "STEP 1", 1))
            name = self._take(Path(name.removeprefix(self.layout_transport))).id
        self._go_through(text, reporter)
        base = self.contents.get(name)
        if base is None:
            return Image("2" * 64)
        before = configurations.read(base.configuration)
        digest = f"{len(self.runs):064}"
        made = replace(before, layers=(*before.layers, digest))
        self.contents[image_id(made)] = ImageContent(configurations.write(made), ())
        return Image(image_id(made))

    def _go_through(self, text: str, reporter: StepReporter) -> None:
        instructions = parse(text).instructions
        for number, each in enumerate(instructions, 1):
            reporter.instruction(number, len(instructions), each.text)
            if self.fails is not None and self.fails in each.text:
                raise ImageBuildError(FailedInstruction(each.text, f"STEP {number}", 1))

    def configuration(self, image: Image) -> Configuration:
        """What an image says of itself."""
        return configurations.read(self.contents[image.id].configuration)


class Saved:
    """The images of a storage in files; one that has no content there is empty."""

    archives = True
    mount_program = ""
    layout_transport = ""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def content(self, image: Image) -> ImageContent:
        known = self._storage.contents.get(image.id)
        blob = known.configuration if known else configurations.write(EMPTY)
        return ImageContent(blob, ())

    def has_layers(self, digests: Sequence[str]) -> bool:
        return self._storage.has_layers(digests)

    def add(self, layout: Path) -> Image:
        return self._storage.add(layout)


def build(
    storage: Storage,
    step: BuildImage,
    text: str,
    *,
    recorder: Recorder | None = None,
    options: RewriteOptions = OPTIONS,
) -> Image:
    """Build a containerfile; the step is of its context."""
    containerfile(step).write_text(text)
    return build_there(storage, step, recorder=recorder, options=options)


def build_there(
    storage: Storage,
    step: BuildImage,
    *,
    recorder: Recorder | None = None,
    options: RewriteOptions = OPTIONS,
) -> Image:
    """Build the containerfile that is there."""
    return build_image(step, storage, (recorder or Recorder()).reporter, options)
