"""What is in storage of images, what keeps each there, and what goes with one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, StoredImage
from rootless_build.images import removal
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.plan import BuildImage, Pairs, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build
from rootless_build.testing.recorder import Recorder

LABELS: Pairs = (("io.rbuild.image", "- /a project/with, ünïcode=x"),)
MEGABYTES = 3


class Noting(ForwardingReporter):
    """Takes down the ids of images that a build tells."""

    def __init__(self, inner: StepReporter) -> None:
        super().__init__(inner)
        self.images: list[str] = []

    def image(self, identity: str) -> None:
        self.images.append(identity)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Of two layers of three megabytes each, and settings between and after them."""
    (tmp_path / "one").write_bytes(secrets.token_bytes(MEGABYTES * 10**6))
    (tmp_path / "two").write_bytes(secrets.token_bytes(MEGABYTES * 10**6))
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\nENV A=1\nCOPY one /one\nENV B=2\nCOPY two /two\nCMD true\n"
    )
    return tmp_path


def stored(engine: Engine, image: Image) -> StoredImage:
    (found,) = [each for each in engine.stored_images().images if each.id == image.id]
    return found


def tag() -> str:
    return f"localhost/rbuild-test-{secrets.token_hex(4)}:tag"


def size(engine: Engine, removed: Sequence[StoredImage]) -> int:
    """What would come back."""
    sizes = engine.layer_sizes(removed)
    known = [size for _, size in removal.freed_bytes(engine.stored_images(), removed, sizes)]
    assert None not in known
    return sum(each or 0 for each in known)


def test_a_build_tells_the_images_of_its_instructions(
    engine: Engine, base_image: Image, context: Path
) -> None:
    before = engine.image_ids()
    noting = Noting(Recorder().reporter)
    image = engine.build_image(BuildImage(context, tags=(tag(),), labels=LABELS), noting)
    new = engine.image_ids() - before
    assert image.id in new
    told = {each for each in new if any(each.startswith(seen) for seen in noting.images)}
    # BuildKit keeps what it needs of instructions elsewhere.
    assert new - {image.id} <= told
    assert len(new) > 1 or not noting.images
    assert engine.remove_images([stored(engine, image)]) == {}


def test_what_an_image_is_made_of_and_who_uses_it(
    engine: Engine, build: Build, base_image: Image, context: Path, tmp_path: Path
) -> None:
    name = tag()
    image = build(BuildImage(context, tags=(name,), labels=LABELS))
    other = tmp_path / "other"
    other.mkdir()
    (other / "Dockerfile").write_text(f"FROM {name}\nCOPY Dockerfile /\n")
    child = build(BuildImage(other, tags=(tag(),)))
    found = stored(engine, image)
    assert (found.names, set(LABELS) <= set(found.labels)) == ((name,), True)
    assert found.containers == ()
    assert base_image.id in found.ancestors
    assert image.id in stored(engine, child).ancestors
    assert child.id not in found.ancestors
    assert set(found.layers) < set(stored(engine, child).layers)
    with engine.container(RunContainer(name, ("true",)), image):
        assert len(stored(engine, image).containers) == 1
        assert engine.remove_images([found]).keys() == {image.id}
    assert stored(engine, image) == found
    assert engine.remove_images([stored(engine, child), found]) == {}
    assert not {image.id, child.id} & engine.image_ids()


def test_only_what_is_named_goes(engine: Engine, build: Build, context: Path) -> None:
    """Not what it was made of, whoever made that, though it has no name and nothing else needs it:
    the layers of its instructions.
    """
    before = engine.image_ids()
    image = build(BuildImage(context, tags=(tag(),)))
    own = stored(engine, image)
    below = own.ancestors - before
    assert below
    assert engine.remove_images([own]) == {}
    assert engine.image_ids() - before == below
    left = [each for each in engine.stored_images().images if each.id in below]
    left.sort(key=lambda each: -len(each.ancestors))
    assert engine.remove_images(left) == {}
    assert engine.image_ids() == before


def test_an_image_that_got_another_name_stays(engine: Engine, build: Build, context: Path) -> None:
    image = build(BuildImage(context, tags=(tag(),)))
    seen = stored(engine, image)
    again = build(BuildImage(context, tags=(tag(),)))
    assert again.id == image.id
    assert len(stored(engine, image).names) == 2
    assert engine.remove_images([seen]).keys() == {image.id}
    assert engine.remove_images([stored(engine, image)]) == {}
    assert image.id not in engine.image_ids()


def test_an_image_that_is_gone_is_no_error(engine: Engine, build: Build, context: Path) -> None:
    seen = stored(engine, build(BuildImage(context, tags=(tag(),))))
    assert engine.remove_images([seen]) == {}
    assert engine.remove_images([seen]) == {}


def test_a_shared_layer_counts_once_and_for_the_last(
    engine: Engine, build: Build, context: Path
) -> None:
    before = engine.image_ids()
    first = build(BuildImage(context, tags=(tag(),)))
    (context / "two").write_bytes(secrets.token_bytes(MEGABYTES * 10**6))
    second = build(BuildImage(context, tags=(tag(),)))
    new = [each for each in engine.stored_images().images if each.id not in before]
    new.sort(key=lambda each: -len(each.ancestors))
    whole = size(engine, new)
    assert 3 * MEGABYTES * 10**6 <= whole < (3 * MEGABYTES + 1) * 10**6
    # The first layer stays for the second image, and what keeps it stays.
    one = [
        each for each in new if each.id == first.id or each.id in stored(engine, first).ancestors
    ]
    kept = {second.id, *stored(engine, second).ancestors}
    alone = [each for each in one if each.id not in kept]
    assert MEGABYTES * 10**6 <= size(engine, alone) < (MEGABYTES + 1) * 10**6
    assert engine.remove_images(new) == {}
