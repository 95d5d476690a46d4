"""Images that are removed together: in one command, and no other than those."""

from __future__ import annotations

from collections.abc import Sequence

from rbuild_containers.image_removal import remove_together
from rootless_build.backend.api import StoredImage, StoredImages
from rootless_build.model.structs import replace

BASE = StoredImage("base")
LOW = StoredImage("low", ancestors=frozenset({"base"}))
HIGH = StoredImage("high", names=("x",), ancestors=frozenset({"base", "low"}))
ALL = (HIGH, LOW, BASE)


class Engine:
    """An engine that has some images, and lets go of all but those that are `held`."""

    def __init__(self, *held: str, images: Sequence[StoredImage] = ALL) -> None:
        self._held = set(held)
        self._images = StoredImages(tuple(images))
        self.there = {image.id for image in images}
        self.commands: list[tuple[str, ...]] = []

    def _command(self, names: Sequence[str]) -> None:
        self.commands.append(tuple(names))
        self.there -= set(names) - self._held

    def _one(self, name: str) -> str:
        self._command((name,))
        return f"{name} is in use" if name in self._held else ""

    def remove(self, images: Sequence[StoredImage] = ALL) -> dict[str, str]:
        return dict(
            remove_together(images, self._images, self._command, lambda: self.there, self._one)
        )


def test_one_command_removes_them_in_their_order() -> None:
    engine = Engine()
    assert engine.remove() == {}
    assert engine.commands == [("high", "low", "base")]
    assert not engine.there


def test_one_that_stays_is_asked_again_why() -> None:
    engine = Engine("high")
    assert engine.remove() == {"high": "high is in use"}
    assert engine.commands == [("high", "low", "base"), ("high",)]


def test_what_is_needed_stays_with_what_it_is_made_of() -> None:
    needed = replace(HIGH, needed="a list refers to it")
    engine = Engine(images=(needed, LOW, BASE))
    stays = engine.remove((needed, LOW, BASE))
    assert stays["high"] == "a list refers to it"
    assert stays.keys() == engine.there == {"high", "low", "base"}
    assert engine.commands == []


def test_one_that_got_another_name_stays() -> None:
    engine = Engine(images=(replace(HIGH, names=("x", "y")), LOW, BASE))
    assert engine.remove((HIGH, LOW, BASE)).keys() == {"high", "low", "base"}
    assert engine.remove((replace(HIGH, names=("x", "y")), LOW, BASE)) == {}
    assert engine.commands[0] == ("y",)


def test_what_is_gone_is_no_error() -> None:
    engine = Engine(images=(LOW, BASE))
    assert engine.remove() == {}
    assert engine.commands == [("low", "base")]
