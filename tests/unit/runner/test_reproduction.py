"""The plan of `rbuild reproduce`, and what its builds come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.model.errors import ImageNotFoundError, UsageError
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    Bundles,
    Origin,
    Pairs,
    Plan,
    PullPolicy,
)
from rootless_build.runner.reproduction import Difference, Reproduction

FIRST, AGAIN = Image("1" * 64, layers=("a",)), Image("2" * 64, layers=("b",))


class Storage:
    """An engine's images by name; `trees` has what is in the one file of each, by id."""

    def __init__(self, images: Mapping[str, Image], trees: Mapping[str, str]) -> None:
        self._images = images
        self._trees = trees
        self.discarded: list[Image] = []

    def find_image(self, reference: str) -> Image | None:
        return self._images.get(reference)

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        (destination / "file").write_text(self._trees[image.id])

    def discard_image(self, image: Image) -> None:
        self.discarded.append(image)


def local(directory: Path) -> BuildOutput:
    return BuildOutput("local", (("dest", str(directory)),))


def again(project: Path, *steps: BuildImage, bundles: Path | None = None) -> Reproduction:
    (project / "place").mkdir(exist_ok=True)
    plan = Plan(project, steps, Bundles(bundles) if bundles else None, targets=("t",))
    return Reproduction(plan, project / "place", DIFFERENCES.append)


DIFFERENCES: list[Difference] = []


@pytest.fixture(autouse=True)
def nothing_told() -> None:
    """Each test begins with an empty list."""
    DIFFERENCES.clear()


def builds(reproduction: Reproduction) -> list[BuildImage]:
    return [step for step in reproduction.plan.steps if isinstance(step, BuildImage)]


def test_a_named_image_is_built_once_without_its_name_or_a_cache(tmp_path: Path) -> None:
    step = BuildImage(tmp_path, tags=("a:1", "b"), pull=PullPolicy.ALWAYS)
    (made,) = builds(again(tmp_path, step))
    assert (made.tags, made.no_cache, made.pull) == ((), True, PullPolicy.MISSING)


def test_an_image_without_a_name_is_built_twice(tmp_path: Path) -> None:
    step = BuildImage(tmp_path, origin=Origin("docker-bake.hcl", 3, "", "app"))
    found = again(tmp_path, step)
    assert [made.no_cache for made in builds(found)] == [False, True]
    engine = Storage({}, {FIRST.id: "x", AGAIN.id: "x"})
    for image in (FIRST, AGAIN):
        found.begin_build(engine)
        found.take_image(image, (), engine)
    (compared,) = found.tally.images
    assert (compared.name, compared.twice, compared.times) == ("app", True, True)
    # The first is what a build leaves, and the cache of the next.
    assert engine.discarded == [AGAIN]
    assert (found.tally.same, found.tally.differing, DIFFERENCES) == (1, 0, [])


def test_an_image_is_compared_with_the_one_of_its_name(tmp_path: Path) -> None:
    found = again(tmp_path, BuildImage(tmp_path, tags=("a:1",)))
    engine = Storage({"a:1": FIRST}, {FIRST.id: "abc", AGAIN.id: "abd"})
    found.begin_build(engine)
    found.take_image(AGAIN, (), engine)
    (told,) = DIFFERENCES
    assert (told.image, told.path, told.text) == ("a:1", "file", "differs at offset 0x2")
    assert (found.tally.same, found.tally.differing, engine.discarded) == (0, 1, [AGAIN])


def test_of_the_same_layers_no_file_is_looked_at(tmp_path: Path) -> None:
    found = again(tmp_path, BuildImage(tmp_path, tags=("a:1",)))
    engine = Storage({"a:1": FIRST}, {})
    found.begin_build(engine)
    found.take_image(Image("3" * 64, layers=FIRST.layers, user="u"), (), engine)
    (compared,) = found.tally.images
    assert (compared.layers, compared.settings, found.tally.differing) == (True, 1, 1)


def test_an_image_that_is_gone_is_named_before_it_is_built(tmp_path: Path) -> None:
    found = again(tmp_path, BuildImage(tmp_path, tags=("a:1",)))
    with pytest.raises(ImageNotFoundError) as caught:
        found.begin_build(Storage({}, {}))
    assert "no image a:1 to compare with" in caught.value.message
    assert caught.value.hint == "build: rbuild t"
    found.explain(caught.value)
    assert "no image a:1 to compare with" in caught.value.message


def test_what_goes_to_the_bundles_is_staged_and_the_rest_apart(tmp_path: Path) -> None:
    bundles, out = tmp_path / "bundles", tmp_path / "out"
    for directory in (bundles / "b", out):
        directory.mkdir(parents=True)
    (out / "file").write_text("one")
    (out / "of the user").write_text("")
    step = BuildImage(tmp_path, outputs=(local(bundles / "b"), local(out)))
    found = again(tmp_path, step, bundles=bundles)
    (made,) = builds(found)
    assert made.no_cache
    assert made.outputs[0] == local(bundles / "b")
    place = Path(dict(made.outputs[1].attributes)["dest"])
    assert place.is_relative_to(tmp_path / "place")
    place.mkdir()
    (place / "file").write_text("two")
    found.compare_rest()
    (told,) = DIFFERENCES
    assert told.path == str(out / "file")
    assert told.both == (out / "file", place / "file")


def test_an_archive_is_one_file(tmp_path: Path) -> None:
    archive = tmp_path / "out.tar"
    archive.write_bytes(b"x" * 10)
    step = BuildImage(tmp_path, outputs=(BuildOutput("tar", (("dest", str(archive)),)),))
    found = again(tmp_path, step)
    place = Path(dict(builds(found)[0].outputs[0].attributes)["dest"])
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"x" * 10)
    found.compare_rest()
    assert (found.tally.same, found.tally.differing) == (1, 0)


def test_what_can_not_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing in"):
        again(tmp_path, BuildImage(tmp_path, outputs=(local(tmp_path / "out"),)))
    with pytest.raises(UsageError, match="leaves nothing"):
        again(tmp_path, BuildImage(tmp_path, outputs=(BuildOutput("cacheonly"),)))
