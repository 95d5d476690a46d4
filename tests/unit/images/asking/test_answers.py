"""When an engine is asked, what is made of its answer, and what is left of it."""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from rootless_build.backend.api import Image, ImageLabel, StoredImage, StoredImages
from rootless_build.backend.partial import PartialEngine
from rootless_build.images.asking import answers
from rootless_build.images.asking.answers import Bases, answers_for
from rootless_build.images.asking.memory import Memory
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.rewrite.features import Feature
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.process import programs
from rootless_build.testing.recorder import Recorder

OWNER = "rbuild-asked MOUNT_AGENT_OWNER ssh 700 7:8\n"
SIZE = "rbuild-asked MOUNT_TMPFS_SIZE rw,size=64k\n"
LIMITED = "RUN --mount=type=tmpfs,target=/t,size=1m true"
OWNED = "RUN --mount=type=ssh,uid=5 true"


class FakeEngine(PartialEngine):
    """Prints `said` for each RUN that has these words; fails at one that has none, or whatever
    `fails` says.
    """

    def __init__(self, said: Mapping[str, str], fails: Callable[[str], bool] = bool) -> None:
        self.said = said
        self.fails = fails
        self.why = "RUN only supports the --mount flag"
        self.built: list[BuildImage] = []
        self.files: list[str] = []
        self.images: list[str] = ["a" * 64]

    def find_image(self, reference: str) -> Image | None:
        return Image(reference)

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        assert step.containerfile is not None
        text = step.containerfile.read_text()
        self.built.append(step)
        self.files.append(text)
        image = f"{len(self.built):064x}"
        self.images.append(image)
        reporter.image(image)
        for run in re.findall(r"^RUN .*", text, re.MULTILINE):
            words = [word for word in self.said if word in run]
            if not words and run != "RUN echo any":
                raise ImageBuildError(self.why)
            for word in words:
                reporter.output(self.said[word].encode())
        return Image(image)

    def image_ids(self) -> frozenset[str]:
        return frozenset(self.images)

    def stored_images(self) -> StoredImages:
        return StoredImages(tuple(map(StoredImage, self.images)))

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        for image in images:
            self.images.remove(image.id)
        return {}


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "engines", "an engine")


def step_of(directory: Path, *lines: str) -> BuildImage:
    (directory / "Dockerfile").write_text("\n".join(("FROM base", *lines, "")))
    label = ImageLabel("/p", "0" * 64).pair
    return BuildImage(directory, labels=(label,))


def ask(step: BuildImage, engine: FakeEngine, memory: Memory) -> dict[str, bool]:
    answers = answers_for(step, engine, Recorder().reporter, memory)
    return {feature.name: answer.exact for feature, answer in answers.items()}


def test_nothing_is_asked_of_a_file_that_has_nothing_of_it(tmp_path: Path, memory: Memory) -> None:
    step = step_of(
        tmp_path,
        "RUN --mount=target=/c --mount=type=cache,target=/d,rw true",
        "RUN --network=default true",
        "COPY --link a b",
    )
    engine = FakeEngine({})
    assert ask(step, engine, memory) == {}
    assert engine.built == []


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        (LIMITED, "RUN --mount=type=tmpfs"),
        (OWNED, "RUN --mount=type=ssh"),
        (f"ONBUILD {OWNED}", "RUN --mount=type=ssh"),
        ("RUN --mount=target=/c,rw true", "RUN --mount=type=bind"),
        ("RUN --mount=type=bind,target=/c,readonly=false true", "RUN --mount=type=bind"),
    ],
)
def test_what_a_file_has_is_asked_once(
    tmp_path: Path, memory: Memory, line: str, asked: str
) -> None:
    engine = FakeEngine({"RUN --mount": ""})
    step = step_of(tmp_path, line)
    ask(step, engine, memory)
    (text,) = engine.files
    assert {run[: len(asked)] for run in re.findall(r"^RUN .*", text, re.MULTILINE)} == {asked}
    ask(step, engine, memory)
    assert len(engine.built) == 1


def test_an_answer_is_held_against_what_buildkit_does(tmp_path: Path, memory: Memory) -> None:
    step = step_of(tmp_path, LIMITED, OWNED)
    engine = FakeEngine({"type=tmpfs": SIZE, "type=ssh": OWNER})
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": True, "MOUNT_AGENT_OWNER": True}


@pytest.mark.parametrize(
    "said",
    ["", SIZE.replace("64k", "1m"), SIZE.replace(",size=64k", ""), OWNER],
    ids=["nothing", "another size", "no size", "another question's"],
)
def test_an_engine_that_does_it_otherwise_is_not_left_to_do_it(
    tmp_path: Path, memory: Memory, said: str
) -> None:
    step = step_of(tmp_path, LIMITED)
    assert ask(step, FakeEngine({"type=tmpfs": said}), memory) == {"MOUNT_TMPFS_SIZE": False}


def test_one_that_fails_is_told_from_those_that_do_not(tmp_path: Path, memory: Memory) -> None:
    step = step_of(tmp_path, LIMITED, OWNED)
    engine = FakeEngine({"type=ssh": OWNER})
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": False, "MOUNT_AGENT_OWNER": True}
    assert memory.answers()[Feature.MOUNT_AGENT_OWNER].exact


def test_what_fails_for_a_moment_is_asked_again(tmp_path: Path, memory: Memory) -> None:
    step, engine = step_of(tmp_path, LIMITED), FakeEngine({})
    engine.why = "the engine was ended by signal 9"
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": False}
    assert memory.answers() == {}
    engine.said = {"type=tmpfs": SIZE}
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": True}


def test_an_engine_that_can_build_nothing_now_has_not_answered(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, engine = step_of(tmp_path, LIMITED), FakeEngine({})

    def fail(*_: object) -> Image:
        raise ImageBuildError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(engine, "build_image", fail)
        assert ask(step, engine, memory) == {}
    assert memory.answers() == {}
    engine.said = {"type=tmpfs": SIZE}
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": True}


def test_writes_that_reach_the_context_are_seen(tmp_path: Path, memory: Memory) -> None:
    mark = "rbuild-asked MOUNT_DISCARDS_WRITES"
    files = "".join(f"{mark} {d}/{f} before\n" for d in ("/c", "/d") for f in ("kept", "gone"))
    said = f"{files}{mark} /a/*\n{mark} /b/*\n"
    step = step_of(tmp_path, "RUN --mount=target=/c,rw true")

    class Writing(FakeEngine):
        def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
            (step.context / "mounted" / "new").touch()
            return super().build_image(step, reporter)

    assert ask(step, FakeEngine({"/a": "", "/c": said}), memory) == {"MOUNT_DISCARDS_WRITES": True}
    other = Memory(tmp_path / "engines", "another engine")
    assert ask(step, Writing({"/a": "", "/c": said}), other) == {"MOUNT_DISCARDS_WRITES": False}


def test_no_image_is_left_and_all_are_told_meanwhile(tmp_path: Path, memory: Memory) -> None:
    told: list[str] = []

    class Noting(StepReporter):
        def image(self, identity: str) -> None:
            told.append(identity)

    step = step_of(tmp_path, LIMITED, OWNED)
    engine = FakeEngine({"type=ssh": OWNER})
    answers_for(step, engine, Noting(lambda _: None, 1), memory)
    assert engine.images == ["a" * 64]
    assert {f"{number:064x}" for number in range(1, len(engine.built) + 1)} == set(told)
    assert {built.labels for built in engine.built} == {(ImageLabel("/p").pair,)}


def test_an_interrupted_question_is_asked_again(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, engine = step_of(tmp_path, LIMITED), FakeEngine({"type=tmpfs": SIZE})

    def interrupt(*_: object) -> Image:
        engine.images.append("b" * 64)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "build_image", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ask(step, engine, memory)
    assert memory.answers() == {}
    assert ask(step, engine, memory) == {"MOUNT_TMPFS_SIZE": True}


def test_without_a_program_nothing_is_asked(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "which", lambda _: None)
    engine = FakeEngine({"type=tmpfs": SIZE})
    assert ask(step_of(tmp_path, LIMITED), engine, memory) == {}
    assert engine.built == []


def test_a_host_that_is_full_for_a_moment_says_nothing_of_the_engine(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots: list[Path] = []

    def full_at_first(root: Path) -> None:
        roots.append(root)
        if len(roots) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(answers, "put_shell", full_at_first)
    engine, step = FakeEngine({"none": SIZE}), step_of(tmp_path, "RUN --network=none a")
    assert answers_for(step, engine, Recorder().reporter, memory) == {}
    assert memory.answers() == {}


def test_an_agent_is_asked_for_below_a_long_directory(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ("d" * 100)
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    said = {"type=ssh": "rbuild-asked MOUNT_AGENT_OWNER ssh 700 7:8\n"}
    step = step_of(tmp_path, "RUN --mount=type=ssh,uid=1 a")
    found = answers_for(step, FakeEngine(said), Recorder().reporter, memory)
    assert found[Feature.MOUNT_AGENT_OWNER].exact


def test_triggers_of_a_base_are_asked_for_too(tmp_path: Path, memory: Memory) -> None:
    step = step_of(tmp_path, "RUN true")
    bases = Bases(parse(f"ONBUILD {OWNED}\n{LIMITED}\n").instructions)
    engine = FakeEngine({"type=ssh": OWNER, "type=tmpfs": SIZE})
    found = answers_for(step, engine, Recorder().reporter, memory, bases)
    assert set(found) == {Feature.MOUNT_AGENT_OWNER, Feature.MOUNT_TMPFS_SIZE}


def test_without_a_program_the_images_of_the_build_have_one(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "which", lambda _: None)
    step, bases = step_of(tmp_path, LIMITED), Bases(images=("b" * 64, "c" * 64))
    engine = FakeEngine({"type=tmpfs": SIZE, "command -v": ""})
    assert answers_for(step, engine, Recorder().reporter, memory, bases)[
        Feature.MOUNT_TMPFS_SIZE
    ].exact
    assert [text.splitlines()[0] for text in engine.files] == [f"FROM {'b' * 64}"]


def test_an_image_without_one_says_nothing_of_the_engine(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "which", lambda _: None)
    step, bases = step_of(tmp_path, LIMITED), Bases(images=("b" * 64,))
    engine = FakeEngine({"type=tmpfs": SIZE})
    assert answers_for(step, engine, Recorder().reporter, memory, bases) == {}
    assert memory.answers() == {}


def test_how_long_it_was_asked_is_told(tmp_path: Path, memory: Memory) -> None:
    recorder, step = Recorder(), step_of(tmp_path, LIMITED)
    engine = FakeEngine({"type=tmpfs": SIZE})
    for _ in range(2):
        answers_for(step, engine, recorder.reporter, memory, level=Level.INFO)
    (told,) = (each.text for each in recorder.notices if each.level is Level.INFO)
    assert re.fullmatch(r"the engine was asked for \d+\.\d s what it does; once", told)
