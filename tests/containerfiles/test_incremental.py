"""Images that are the last one and a layer of what changed, with real engines: random edits, each
image held against one that is built as a whole, without a cache; those too that RUNs mount of the
build context.

The engine's own layers are laid over each other by the kernel and compared name by name: kinds,
modes, owners, times, links, bytes. RBUILD_EDITS sets how many edits are made.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, ImageContent, ImageStore, image_store
from rootless_build.freshness import fingerprints
from rootless_build.freshness.context_images import KeptContextImages
from rootless_build.freshness.fingerprints import Fingerprint
from rootless_build.freshness.full_builds import FullBuilds
from rootless_build.images import configuration as configurations
from rootless_build.images.building import build_image
from rootless_build.images.configuration import Configuration
from rootless_build.images.incremental import NotIncrementalError, build_changes
from rootless_build.images.layers.client import LayerMaker
from rootless_build.images.layers.request import Becoming, LayersRequest
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.segments.readings import ImagesTold
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES
from tests.edited_tree import EditedTree

BY_HAND = "RBUILD_EDITS" in os.environ
"""Every RUN is done again for every image, then."""
EDITS = int(os.environ.get("RBUILD_EDITS", "100"))
TOGETHER = 10
"""Edits of one image that was built as a whole."""
FILES: Mapping[str, str] = {
    "all": f'FROM {BASE}\nENV A=1\nWORKDIR /src\nCOPY . .\nENV B=2\nCMD ["true"]\n',
    "run before": f"FROM {BASE}\nRUN echo a > /a && touch -d @1 /a\n"
    "COPY --chown=1:2 . /src/\nUSER 3\n",
    "another COPY": f"FROM {BASE}\nCOPY a /first/\nCOPY --exclude=a . /src/\nVOLUME /src\n",
    "stages": f"FROM {BASE} AS one\nRUN echo b > /b && touch -d @1 /b\nCOPY b /one/\n"
    "FROM scratch\nCOPY --from=one /one /one\nADD --chmod=go-w . /src\nLABEL a=b\n",
    "linked": f'FROM {BASE}\nCOPY --link d /a/link/src/\nENTRYPOINT ["true"]\n',
    "parents": f"FROM {BASE}\nWORKDIR /src\nCOPY --parents d/./* e* /src/\nEXPOSE 80\n",
}


MOUNTS: Mapping[str, str] = {
    "all": f"FROM {BASE}\nRUN --mount=type=bind,target=/m true\n",
    "a directory": f"FROM {BASE}\nRUN --mount=source=d,target=/m,rw touch /m/new\n",
}


@pytest.fixture
def store(engine: Engine, base_image: Image) -> ImageStore:
    """Where the engine's images are read."""
    found = image_store(engine)
    if found is None or found.archives:
        pytest.skip("its images can't be read where they lie")
    return found


class Builds:
    """Builds of one context, as a whole or not."""

    def __init__(self, engine: Engine, store: ImageStore, options: RewriteOptions, place: Path):
        self.engine, self.store, self.options, self.place = engine, store, options, place
        self.tag = f"rbuild-incremental-{uuid.uuid4().hex}"
        self.full = FullBuilds(place / "cache" / "full-0")
        self.made: set[str] = set()
        assert engine.user_namespace is not None
        self.maker = LayerMaker(engine.user_namespace, store.mount_program)

    @property
    def step(self) -> BuildImage:
        label = ("fingerprint", self.made_of().digest)
        return BuildImage(self.place / "context", tags=(self.tag,), labels=(label,), network="host")

    def made_of(self) -> Fingerprint:
        plain = BuildImage(self.place / "context", tags=(self.tag,), network="host")
        found = fingerprints.of_build(plain, self.place / "cache", OwnFiles())
        assert isinstance(found, Fingerprint), found
        return found

    def mounted(self, *, kept: bool) -> tuple[Image, bool]:
        """The image that the RUN mounts, and whether it was made of an earlier one, if these are
        `kept`.
        """
        contexts = KeptContextImages(self.place / "cache" / "contexts-0", self.made_of, 1.0, many=0)
        options = replace(self.options, full=self.full.begin(), contexts=contexts if kept else None)
        recorder = Recorder()
        told = ImagesTold(recorder.reporter)
        build_image(self.step, self.engine, told, options)
        self.made.update(told.images)
        base = self.engine.find_image(BASE)
        assert base is not None
        layers = self.configuration(base).layers
        found = [
            image
            for image in map(Image, dict.fromkeys(told.images))
            if self.store.content(image) and self.configuration(image).layers[:1] != layers[:1]
        ]
        changed = any(notice.code == "incremental-mount" for notice in recorder.notices)
        # The earlier one is told first; it may be the same.
        return found[-1], changed

    def whole(self, *, keep: bool = False) -> Image:
        """Build all of it."""
        options = replace(self.options, full=self.full.begin()) if keep else self.options
        made_of = self.made_of()
        told = ImagesTold(Recorder().reporter)
        made = build_image(replace(self.step, no_cache=BY_HAND), self.engine, told, options)
        if keep:
            self.full.end(made_of)
        self.made.update(told.images)
        return made

    def changes(self, share: float = 1.0) -> Image:
        """Build what changed. Raises NotIncrementalError."""
        made = build_changes(
            self.full.changes(self.made_of(), share),
            self.step,
            self.engine,
            Recorder().reporter,
            OwnFiles(),
            self.options.data,
            self.maker,
            nullcontext,
        )
        self.made.add(made.id)
        return made

    def content(self, image: Image) -> ImageContent:
        found = self.store.content(image)
        assert found is not None
        return found

    def configuration(self, image: Image) -> Configuration:
        return configurations.read(self.content(image).configuration)

    def assert_same(self, one: Image, other: Image) -> None:
        """Both have the same files, and the same configuration but for when and of what."""
        layers = [self.content(image).layers for image in (one, other)]
        output = self.place / f"difference-{uuid.uuid4().hex}"
        output.mkdir()
        for before, after in (layers, layers[::-1]):
            made = self.maker.make(LayersRequest(before, (Becoming(after),), output))
            assert made[0].empty, self.keep(output)
        shutil.rmtree(output)
        plain = [
            replace(self.configuration(image), created="", layers=(), history=())
            for image in (one, other)
        ]
        assert plain[0] == plain[1]

    def keep(self, output: Path) -> str:
        with tarfile.open(output / "0.tar") as tar:
            return f"they differ in {tar.getnames()}"

    def remove(self) -> None:
        """Remove what was made: engines take longer the more images there are."""
        stored = self.engine.stored_images().images
        own = [image for image in stored if image.id in self.made]
        self.engine.remove_images(sorted(own, key=lambda image: -len(image.ancestors)))
        self.made.clear()


@pytest.fixture
def started(
    engine: Engine, store: ImageStore, building: RewriteOptions, place: Path
) -> Iterator[Callable[[str], Builds]]:
    """Gives the builds of a containerfile in `place/context`."""
    made: list[Builds] = []

    def start(text: str) -> Builds:
        (place / "context" / "Dockerfile").write_text(text)
        made.append(Builds(engine, store, building, place))
        return made[-1]

    yield start
    for each in made:
        each.maker.__exit__()
        each.remove()


@ENGINES
@pytest.mark.parametrize("name", FILES)
def test_random_edits(started: Callable[[str], Builds], place: Path, name: str) -> None:
    count = -(-EDITS // len(FILES))
    seed = int(os.environ.get("RBUILD_SEED", "1"))
    context, began, done = place / "context", started(FILES[name]), 0
    tree = EditedTree(
        context, random.Random(f"{name} {seed}"), keep=("Dockerfile", "a", "b", "d", "e")
    )
    whole = 0
    while done < count:
        began.remove()
        began.whole(keep=True)
        for _ in range(TOGETHER):
            if done == count:
                break
            done += 1
            for _ in range(tree.random.randrange(1, 4)):
                tree.edit()
            try:
                changed = began.changes()
            except NotIncrementalError:
                whole += 1
                continue
            began.assert_same(changed, began.whole())
    sys.stdout.write(f"{done} edits, {whole} built as a whole\n")
    assert whole < done


@ENGINES
@pytest.mark.parametrize("name", MOUNTS)
def test_random_edits_of_what_is_mounted(
    started: Callable[[str], Builds], place: Path, name: str
) -> None:
    """What is ignored is not there, and an engine does not show it as it is."""
    count = -(-EDITS // 10 // len(MOUNTS))
    seed = int(os.environ.get("RBUILD_SEED", "1"))
    context, builds = place / "context", started(MOUNTS[name])
    (context / ".dockerignore").write_text("**/ignored\n**/A\n!d/A\n")
    keep = (".dockerignore", "Dockerfile", "a", "b", "d", "e")
    tree = EditedTree(context, random.Random(f"{name} {seed}"), keep=keep)
    incremental = 0
    for number in range(count):
        if number % TOGETHER == 0:
            builds.remove()
        for _ in range(tree.random.randrange(1, 4)):
            tree.edit()
        if not os.path.lexists(context / "d/ignored"):
            (context / "d/ignored").write_text("ignored")
        changed, made = builds.mounted(kept=True)
        incremental += made
        whole, _ = builds.mounted(kept=False)
        builds.assert_same(changed, whole)
    sys.stdout.write(f"{count} edits, {incremental} not as a whole\n")
    assert incremental > count // 2
