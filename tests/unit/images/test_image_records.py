"""The record of images that rbuild made, and what of them may go; real engines: tests/contract."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend.api import LABEL_IMAGE, Engine, StoredImage, StoredImages
from rootless_build.images import image_records as built_images
from rootless_build.images import removal as image_removal
from rootless_build.images import superseded as replaced_images
from rootless_build.images.image_records import BuildRecord, ImageRecords, StepIdentity
from rootless_build.model.errors import ImageBuildError, StepFailedError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from tests.unit.backend.idle_engine import IdleEngine

STEP = StepIdentity("/project", "key", ("localhost/name:latest",))


def identity(number: int) -> str:
    return f"{number:064x}"[::-1]


class Storage(IdleEngine):
    """Images that come and go."""

    def __init__(self, *images: StoredImage, silent: bool = False) -> None:
        self.images = {image.id: image for image in images}
        self.silent = silent
        self.refused: dict[str, str] = {}

    def image_ids(self) -> frozenset[str]:
        if self.silent:
            raise StepFailedError("nobody there")
        return frozenset(self.images)

    def stored_images(self) -> StoredImages:
        return StoredImages(tuple(self.images.values()))

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        for image in images:
            if image.id not in self.refused:
                self.images.pop(image.id, None)
        return {each.id: self.refused[each.id] for each in images if each.id in self.refused}

    def add(self, *numbers: int, above: Collection[int] = ()) -> None:
        for number in numbers:
            below = frozenset(map(identity, above))
            self.images[identity(number)] = StoredImage(identity(number), ancestors=below)


@pytest.fixture
def records(tmp_path: Path) -> ImageRecords:
    return ImageRecords(tmp_path / "images", "podman")


def reporter() -> StepReporter:
    return StepReporter(lambda _: None, 1)


def build(
    records: ImageRecords, storage: Storage, *numbers: int, step: StepIdentity = STEP, cut: int = 11
) -> None:
    """One that tells of these images, as engines do; those that are not there it makes."""
    engine = cast("Engine", storage)
    with built_images.record_build(records, step, engine, reporter()) as journal:
        assert journal is not None
        for number in numbers:
            if identity(number) not in storage.images:
                storage.add(number)
            journal.reporter(reporter()).image(identity(number)[:cut])
        journal.note_result(identity(numbers[-1]))


def fails(records: ImageRecords, storage: Storage, number: int) -> None:
    """A build that made one image, and then no other."""
    with built_images.record_build(records, STEP, cast("Engine", storage), reporter()) as journal:
        assert journal is not None
        storage.add(number)
        journal.reporter(reporter()).image(identity(number))
        raise ImageBuildError("failed")


def ours(records: ImageRecords) -> list[set[str]]:
    return [set(built.ours) for built in records.all()]


def test_what_was_there_before_is_not_rbuilds_whatever_a_build_tells(records: ImageRecords) -> None:
    storage = Storage(StoredImage(identity(1)))
    build(records, storage, 1, 2, 3)
    (built,) = records.all()
    assert built.ours == {identity(2), identity(3)}
    assert built.used == {identity(1), identity(2), identity(3)}
    assert (built.image, built.backend, built.step) == (identity(3), "podman", STEP)


def test_what_another_build_made_is_shared_but_not_its_result(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1, 2)
    other = StepIdentity("/other", "key")
    build(records, storage, 1, 2, 3, step=other)
    assert ours(records)[1] == {identity(1), identity(3)}


def test_a_base_image_is_not_of_the_build_that_uses_it(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1, step=built_images.of_base("localhost/debian:12"))
    build(records, storage, 1, 2)
    assert ours(records)[1] == {identity(2)}


def test_a_build_that_fails_is_on_record_too(records: ImageRecords) -> None:
    storage = Storage()
    with pytest.raises(ImageBuildError):
        fails(records, storage, 1)
    (built,) = records.all()
    assert built.image == ""
    assert built.ours == {identity(1)}


@pytest.mark.parametrize("cut", [0, 1, 40])
def test_a_build_that_was_killed_is_on_record_at_the_next(
    records: ImageRecords, tmp_path: Path, cut: int
) -> None:
    """Whatever of its last line is on disk."""
    storage = Storage(StoredImage(identity(1)))
    head = {
        "storage": "idle",
        "backend": "podman",
        "project": "/project",
        "key": "key",
        "names": [],
        "base": False,
        "before": [identity(1)],
    }
    text = f"{json.dumps(head)}\n{identity(1)}\n{identity(2)}\n{identity(3)}\n"
    (tmp_path / "images").mkdir()
    # No process has that id.
    journal = tmp_path / "images" / "00000000000000000001-4194305.1.journal"
    journal.write_text(text[: len(text) - cut])
    storage.add(2, 3)
    records.settle(cast("Engine", storage))
    (built,) = records.all()
    assert built.ours == ({identity(2), identity(3)} if cut == 0 else {identity(2)})
    assert not journal.exists()


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"storage": 3}\n', "null\nabc\n"])
def test_a_journal_that_says_nothing_goes(records: ImageRecords, tmp_path: Path, text: str) -> None:
    (tmp_path / "images").mkdir()
    journal = tmp_path / "images" / "00000000000000000001-4194305.1.journal"
    journal.write_text(text)
    records.settle(cast("Engine", Storage()))
    assert not journal.exists()
    assert records.all() == ()


def test_the_record_waits_where_the_engine_does_not_answer(
    records: ImageRecords, tmp_path: Path
) -> None:
    storage = Storage()
    engine = cast("Engine", storage)
    with built_images.record_build(records, STEP, engine, reporter()) as journal:
        assert journal is not None
        storage.add(1)
        journal.note_result(identity(1))
        storage.silent = True
    assert records.all() == ()
    (left,) = (tmp_path / "images").glob("*.journal")
    left.rename(left.with_name("00000000000000000001-4194305.1.journal"))
    storage.silent = False
    records.settle(engine)
    assert ours(records) == [{identity(1)}]


def test_an_engine_that_does_not_answer_is_built_with_all_the_same(records: ImageRecords) -> None:
    said: list[object] = []
    silent = cast("Engine", Storage(silent=True))
    with built_images.record_build(records, STEP, silent, StepReporter(said.append, 1)) as journal:
        assert journal is None
    assert "not on record" in str(said)


@pytest.mark.parametrize(
    "change",
    [
        {"ours": "abc"},
        {"ours": [3]},
        {"used": None},
        {"base": "yes"},
        {"project": ["a"]},
        {"version": 99},
        {"names": {}},
    ],
)
def test_a_record_that_can_not_be_read_counts_as_none(
    records: ImageRecords, tmp_path: Path, change: dict[str, object]
) -> None:
    build(records, Storage(), 1)
    (file,) = (tmp_path / "images").glob("*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert records.all() == ()


def test_a_step_that_is_built_again_has_one_record(records: ImageRecords) -> None:
    storage = Storage()
    for _ in range(3):
        build(records, storage, 1, 2)
    assert ours(records) == [{identity(1), identity(2)}]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (BuildImage(Path("/p"), tags=("a",)), BuildImage(Path("/p"), tags=("a:latest",)), True),
        (BuildImage(Path("/p"), tags=("a",)), BuildImage(Path("/p"), tags=("b",)), False),
        (BuildImage(Path("/p"), target="a"), BuildImage(Path("/p"), target="b"), False),
        (
            BuildImage(Path("/p"), build_args=(("V", "1"),)),
            BuildImage(Path("/p"), build_args=(("V", "2"),)),
            False,
        ),
    ],
)
def test_which_builds_replace_each_other(first: BuildImage, second: BuildImage, same: bool) -> None:
    keys = {built_images.of_build(step, Path("/p")).key for step in (first, second)}
    assert (len(keys) == 1) == same


# --- what may go --------------------------------------------------------------------------------

BASE = StoredImage("base", ("debian:12",), layers=("l0",))
LOWER = StoredImage("lower", layers=("l0", "l1"), ancestors=frozenset({"base"}))
UPPER = StoredImage(
    "upper", ("name:latest",), layers=("l0", "l1", "l2"), ancestors=frozenset({"base", "lower"})
)
NAMES = {"upper": {"name"}}
MINE = frozenset({"lower", "upper"})


def decided(*images: StoredImage, wanted: Collection[str] = MINE) -> tuple[list[str], set[str]]:
    removal = image_removal.decide(StoredImages(images), wanted, NAMES, {})
    return [image.id for image in removal.images], set(removal.stays)


def test_what_is_made_of_others_goes_first() -> None:
    assert decided(BASE, LOWER, UPPER) == (["upper", "lower"], set())


@pytest.mark.parametrize(
    "upper",
    [
        StoredImage("upper", ("mine",), ancestors=frozenset({"lower"})),
        StoredImage("upper", ("name", "mine:1"), ancestors=frozenset({"lower"})),
        StoredImage("upper", containers=("of-mine",), ancestors=frozenset({"lower"})),
    ],
)
def test_what_keeps_an_image_keeps_those_it_is_made_of(upper: StoredImage) -> None:
    assert decided(BASE, LOWER, upper) == ([], {"lower", "upper"})


def test_an_image_of_the_users_keeps_those_it_is_made_of() -> None:
    child = StoredImage("child", ancestors=frozenset({"base", "lower"}))
    assert decided(BASE, LOWER, UPPER, child) == (["upper"], {"lower"})


def test_layers_count_once_and_for_the_last_that_has_them() -> None:
    stored = StoredImages((BASE, LOWER, UPPER))
    sizes = {"l0": 1000, "l1": 100, "l2": 10, "upper": 1}
    found = image_removal.freed_bytes(stored, (UPPER, LOWER), sizes)
    assert [size for _, size in found] == [11, 100]
    found = image_removal.freed_bytes(
        StoredImages(stored.images, frozenset({"l1"})), (UPPER, LOWER), sizes
    )
    assert [size for _, size in found] == [11, 0]
    found = image_removal.freed_bytes(stored, (UPPER, LOWER), {"upper": 1, "l2": 10})
    assert [size for _, size in found] == [11, None]


LABEL = ((LABEL_IMAGE, "- /project"),)


def labelled(*images: StoredImage) -> tuple[set[str], set[str]]:
    found = image_removal.find_labelled(StoredImages(images), (), "/project")
    return set(found.proven), set(found.doubtful)


def test_a_label_without_a_history_proves_nothing() -> None:
    """On another host, and where the history was left out: what is made of an image has its label,
    though the user named it.
    """
    mine = StoredImage("mine", ("mine:latest",), labels=LABEL)
    assert labelled(mine) == (set(), {"mine"})


def test_what_a_proven_image_is_made_of_goes_where_it_has_the_label_too() -> None:
    below = frozenset({"base", "lower", "instruction"})
    upper = StoredImage("upper", ("name",), LABEL, ancestors=below, label_proves=True)
    instruction = StoredImage("instruction", labels=LABEL, ancestors=frozenset({"base", "lower"}))
    assert labelled(BASE, LOWER, instruction, upper) == ({"upper", "instruction"}, set())
    named = StoredImage("instruction", ("mine",), labels=LABEL)
    assert labelled(BASE, LOWER, named, upper) == ({"upper"}, {"instruction"})


def test_what_a_build_of_another_project_uses_is_needed() -> None:
    other = BuildRecord(
        "1", "idle", "podman", StepIdentity("/other", "key"), "x", frozenset({"x"}), MINE
    )
    needed = image_removal.needed_by_records([other], lambda _: False, lambda _: "")
    assert needed == dict.fromkeys(MINE, "the build of /other uses it")


# --- what a build replaced ----------------------------------------------------------------------


def replaced(records: ImageRecords, storage: Storage, keep: int = 0) -> tuple[int, int]:
    return replaced_images.remove_superseded(records, STEP, cast("Engine", storage), keep, ())


def test_the_image_before_goes_but_not_what_the_new_one_is_made_of(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1, 2, 3)
    build(records, storage, 1, 4, 5)
    assert replaced(records, storage) == (2, 0)
    assert set(storage.images) == {identity(1), identity(4), identity(5)}
    assert len(records.all()) == 1


def test_as_many_as_are_asked_for_stay(records: ImageRecords) -> None:
    storage = Storage()
    for number in range(1, 6):
        build(records, storage, number)
    assert replaced(records, storage, keep=3) == (1, 0)
    assert set(storage.images) == {identity(number) for number in range(2, 6)}
    assert replaced(records, storage, keep=7) == (0, 0)


def test_nothing_goes_after_a_build_that_failed(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1)
    with pytest.raises(ImageBuildError):
        fails(records, storage, 2)
    assert replaced(records, storage) == (0, 0)
    assert len(storage.images) == 2


def test_what_another_project_is_made_of_stays(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1, 2)
    build(records, storage, 1, 3, step=StepIdentity("/other", "key"))
    build(records, storage, 4, 5)
    assert replaced(records, storage) == (1, 0)
    assert identity(1) in storage.images
    assert [type(built) for built in records.all()] == [BuildRecord, BuildRecord]


def test_what_an_engine_refuses_is_tried_again(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1)
    build(records, storage, 2)
    storage.refused[identity(1)] = "it is in use"
    assert replaced(records, storage) == (0, 1)
    storage.refused.clear()
    build(records, storage, 3)
    assert replaced(records, storage) == (2, 0)


class Interrupted(Storage):
    """Ctrl-C strikes after one image."""

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        super().remove_images(images[:1])
        raise KeyboardInterrupt


def test_what_was_left_by_an_interruption_is_still_on_record(records: ImageRecords) -> None:
    storage = Interrupted()
    build(records, storage, 1, 2)
    build(records, storage, 3, 4)
    with pytest.raises(KeyboardInterrupt):
        replaced(records, storage)
    assert len(storage.images) == 3
    assert len(records.all()) == 2
    rest = Storage(*storage.images.values())
    assert replaced(records, rest) == (1, 0)
    assert set(rest.images) == {identity(3), identity(4)}
    assert len(records.all()) == 1


@contextmanager
def builds_elsewhere(place: Path, lines: str) -> Iterator[None]:
    """A build of another process that goes on."""
    place.mkdir(exist_ok=True)
    journal = place / "00000000000000000001-4194305.1.journal"
    with journal.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(lines)
        file.flush()
        yield
    journal.unlink()


@pytest.mark.parametrize("known", ["before", "seen", "nothing"])
def test_what_a_build_elsewhere_may_take_stays(
    records: ImageRecords, tmp_path: Path, known: str
) -> None:
    """Whether it was there before, was told since, or the build has told nothing yet."""
    storage = Storage()
    build(records, storage, 1)
    head = {
        "storage": "idle",
        "backend": "docker",
        "project": "/other",
        "key": "key",
        "names": [],
        "base": False,
        "before": [identity(1)] if known == "before" else [],
    }
    lines = f"{json.dumps(head)}\n" + (f"{identity(1)[:12]}\n" if known == "seen" else "")
    with builds_elsewhere(tmp_path / "images", "" if known == "nothing" else lines):
        build(records, storage, 2)
        assert replaced(records, storage) == (0, 0)
        needed = records.needed_by_builds(cast("Engine", storage))
        assert identity(1) in needed
        if known != "nothing":
            assert needed[identity(1)] == "rbuild builds an image in /other now"
    build(records, storage, 3)
    assert replaced(records, storage) == (2, 0)


def test_a_build_in_another_storage_keeps_nothing(records: ImageRecords, tmp_path: Path) -> None:
    storage = Storage()
    build(records, storage, 1)
    head = {
        "storage": "another",
        "backend": "docker",
        "project": "/other",
        "key": "key",
        "names": [],
        "base": False,
        "before": [identity(1)],
    }
    with builds_elsewhere(tmp_path / "images", f"{json.dumps(head)}\n"):
        build(records, storage, 2)
        assert replaced(records, storage) == (1, 0)


def test_what_is_needed_stays_on_record(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1)
    build(records, storage, 2)
    engine = cast("Engine", storage)
    assert replaced_images.remove_superseded(records, STEP, engine, 0, {identity(1)}) == (0, 0)
    assert ours(records) == [{identity(1)}, {identity(2)}]
    assert replaced(records, storage) == (1, 0)


def test_a_name_of_a_later_step_is_on_record(records: ImageRecords) -> None:
    storage = Storage()
    build(records, storage, 1)
    engine = cast("Engine", storage)
    records.add_name(f"sha256:{identity(1)}", "name:v1", "/project", engine)
    records.add_name(identity(1), "theirs:v1", "/other", engine)
    (built,) = records.all()
    assert "localhost/name:v1" in built.step.names
    assert not any("theirs" in name for name in built.step.names)
