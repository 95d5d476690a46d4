"""Questions about images are asked once, and again when the answer may be another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend.api import Engine, Image, ImageContent, ImageStore, image_store
from rootless_build.backend.cached import RememberingEngine
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from tests.unit.backend.idle_engine import IdleEngine

STEP = BuildImage(context=Path("/project"), tags=("made",))


class Storage(IdleEngine):
    """Images that can be asked for and built; it notes down every name it was asked for."""

    def __init__(self, *names: str, broken: bool = False) -> None:
        self.images = {name: Image(id=name) for name in names}
        self.asked: list[str] = []
        self._broken = broken

    def find_image(self, reference: str) -> Image | None:
        return self.find_images((reference,))[0]

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        self.asked += references
        return [self.images.get(name) for name in references]

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        self.images["made"] = Image(id="new")
        if self._broken:
            message = "failed late"
            raise ImageBuildError(message)
        return self.images["made"]


def remembering(
    storage: Storage, known: Callable[[], dict[str, Image | None]]
) -> RememberingEngine:
    return RememberingEngine(cast("Engine", storage), known)


def reporter() -> StepReporter:
    return StepReporter(lambda _: None, 1)


def test_an_answer_is_remembered_also_that_there_is_none() -> None:
    storage = Storage("a")
    engine = remembering(storage, dict)
    for _ in range(2):
        assert engine.find_image("a") == Image(id="a")
        assert engine.find_images(("b", "a", "b")) == [None, Image(id="a"), None]
    assert storage.asked == ["a", "b"]


@pytest.mark.parametrize("broken", [False, True])
def test_after_a_build_it_is_asked_again(broken: bool) -> None:
    storage = Storage("a", broken=broken)
    engine = remembering(storage, dict)
    assert engine.find_image("made") is None
    if broken:
        with pytest.raises(ImageBuildError):
            engine.build_image(STEP, reporter())
    else:
        engine.build_image(STEP, reporter())
    assert engine.find_image("made") == Image(id="new")


def test_what_was_found_before_is_not_asked_for() -> None:
    storage = Storage("a", "b")
    calls: list[str] = []

    def known() -> dict[str, Image | None]:
        calls.append("known")
        return {"a": Image(id="early"), "c": None}

    engine = remembering(storage, known)
    assert calls == []
    assert engine.find_images(("a", "b", "c")) == [Image(id="early"), Image(id="b"), None]
    assert engine.find_image("a") == Image(id="early")
    assert (storage.asked, calls) == (["b"], ["known"])


def test_what_was_found_before_a_build_is_not_used_after_it() -> None:
    engine = remembering(Storage(), lambda: {"made": None})
    engine.build_image(STEP, reporter())
    assert engine.find_image("made") == Image(id="new")


class Store:
    """Takes every image as that of one name."""

    archives = False
    layout_transport = ""
    mount_program = ""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def content(self, image: Image) -> ImageContent | None:
        return ImageContent(image.id.encode(), ())

    def has_layers(self, digests: Sequence[str]) -> bool:
        return not digests

    def add(self, layout: Path) -> Image:
        self._storage.images["made"] = Image(id="new")
        return Image(id="new")


class Stored(Storage):
    """Its images can be handed to it."""

    @property
    def image_store(self) -> ImageStore:
        return Store(self)


def test_an_image_that_is_handed_over_is_asked_for_again() -> None:
    engine = remembering(Stored(), dict)
    assert engine.find_image("made") is None
    store = image_store(cast("Engine", engine))
    assert store is not None
    assert store.content(Image(id="x")) == ImageContent(b"x", ())
    assert store.add(Path("/layout")) == Image(id="new")
    assert engine.find_image("made") == Image(id="new")


def test_an_engine_need_not_take_layers() -> None:
    assert image_store(cast("Engine", Storage())) is None
    assert remembering(Storage(), dict).image_store is None
