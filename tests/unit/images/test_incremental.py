"""When an image is made of the last one and what changed, and when all of it has to be built."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from rootless_build.backend.api import Image, UserNamespace
from rootless_build.images.incremental import Changes, NotIncrementalError, build_changes
from rootless_build.images.layers.client import LayerMaker
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.segments import readings
from rootless_build.images.segments.readings import FILES, ImagesTold
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.unit.images.segments.storage import OPTIONS, Storage, build_there

FILE = "FROM base\nWORKDIR /src\nCOPY list /list\nCOPY . .\nENV A=1\nCMD true\n"


class Project:
    """A build context, and an engine."""

    def __init__(self, place: Path) -> None:
        self.storage = Storage()
        self.storage.has("base")
        self.context = place / "context"
        self.kept = place / "kept"
        for directory in (self.context / "d", self.kept):
            directory.mkdir(parents=True)
        for name in ("list", "a", "b", "d/c"):
            (self.context / name).write_text(name)
        self.step = BuildImage(self.context, tags=("made",))
        self.told = ImagesTold(Recorder().reporter)

    def build(self, text: str = FILE) -> Image:
        """All of it."""
        (self.context / "Dockerfile").write_bytes(text.encode(errors="surrogateescape"))
        options = replace(OPTIONS, full=self.kept)
        return build_there(self.storage, self.step, options=options)

    def change(self, *files: str, share: float = 1.0) -> Image:
        """What changed. Raises NotIncrementalError."""
        full = readings.read(self.kept)
        if full is None:
            raise NotIncrementalError("nothing was put down")
        with LayerMaker(UserNamespace(())) as maker:
            return build_changes(
                Changes(full, self.kept / FILES, files, share),
                self.step,
                self.storage,
                self.told,
                OwnFiles(),
                None,
                maker,
                nullcontext,
            )

    def why(self, *files: str) -> str:
        """Why all of it has to be built."""
        with pytest.raises(NotIncrementalError) as raised:
            self.change(*files)
        return raised.value.message


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_one_layer_upon_the_last_image(project: Project) -> None:
    whole = project.build()
    (project.context / "a").write_text("new")
    made = project.change("a")
    before, after = (project.storage.configuration(image) for image in (whole, made))
    assert after.layers[:-1] == before.layers
    layers = [entry for entry in after.history if not entry.empty_layer]
    assert len(layers) == len(after.layers)
    plain = [replace(each, created="", layers=(), history=()) for each in (before, after)]
    assert plain[0] == plain[1]
    assert project.storage.images["docker.io/library/made:latest"].id == made.id


def test_nothing_that_changed_is_the_last_image(project: Project) -> None:
    """Its time is that of the first."""
    whole = project.build()
    made = project.change()
    contents = [project.storage.configuration(image) for image in (whole, made)]
    assert contents[0].layers == contents[1].layers


def test_the_next_change_starts_from_the_same_image(project: Project) -> None:
    whole = project.storage.configuration(project.build())
    for number in range(3):
        (project.context / f"new{number}").write_text("new")
        made = project.storage.configuration(project.change())
        assert made.layers[:-1] == whole.layers


def test_the_journal_is_told_of_all_that_it_is_made_of(project: Project) -> None:
    whole = project.build()
    (project.context / "a").write_text("new")
    made = project.change("a")
    assert {whole.id, made.id} <= set(project.told.images)


def other_copy(project: Project) -> None:
    (project.context / "list").write_text("new")


def ignored(project: Project) -> None:
    (project.context / ".dockerignore").write_text("b\n")


def image_gone(project: Project) -> None:
    full = readings.read(project.kept)
    assert full is not None
    del project.storage.contents[full.image]


def base_gone(project: Project) -> None:
    del project.storage.contents[project.storage.images["docker.io/library/base:latest"].id]


def source_gone(project: Project) -> None:
    (project.context / "list").unlink()


def damaged(project: Project) -> None:
    (project.kept / FILES).write_bytes(b"")


def lost(project: Project) -> None:
    (project.kept / FILES).unlink()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_copy, "another instruction"),
        (ignored, "other files are ignored"),
        (image_gone, "is gone"),
        (base_gone, "is gone"),
        (source_gone, "not there"),
        (damaged, "damaged"),
        (lost, "No such file"),
    ],
)
def test_in_doubt_all_of_it_is_built(
    project: Project, change: Callable[[Project], None], why: str
) -> None:
    project.build()
    change(project)
    added = project.storage.added
    assert why in project.why("list")
    assert project.storage.added == added


@pytest.mark.parametrize(
    "text",
    [
        "FROM base\nRUN --mount=type=bind,target=/m cp -r /m /n\nCOPY . /src/\n",
        "FROM base\nCOPY . /src/\nRUN a\n",
        "FROM base\nCOPY . /src/\nWORKDIR /new\n",
        "FROM base\nCOPY . /src/\nCOPY <<E /e\nE\n",
        "FROM base\nRUN a\n",
    ],
)
def test_builds_of_which_nothing_is_put_down(project: Project, text: str) -> None:
    project.build(text)
    assert project.why() == "nothing was put down"


@pytest.mark.parametrize(
    "text",
    [
        "FROM base\nRUN a\nCOPY . /src/\n",
        "FROM base AS one\nCOPY list /\nRUN a\nFROM one\nRUN --mount=from=one,dst=/m b\nCOPY . /\n",
        "FROM base\nONBUILD RUN x\nADD . /src/\nUSER 1\nVOLUME /src\nLABEL a=b\n",
        "FROM base\nCOPY --link . /src/\n",
        "FROM base AS b\nONBUILD COPY . /src/\nFROM b\n",
    ],
)
def test_builds_of_which_no_run_is_done_again(project: Project, text: str) -> None:
    project.build(text)
    done = len(project.storage.runs)
    (project.context / "b").write_text("new")
    project.change("b")
    assert len(project.storage.runs) == done


def test_an_engine_that_does_not_take_the_layer(project: Project) -> None:
    """It is no doubt about what changed: the caller has begun to watch."""
    project.build()
    (project.context / "a").write_text("new")
    project.storage.broken = ImageBuildError("no room")
    with pytest.raises(ImageBuildError, match="no room"):
        project.change("a")


def test_names_of_any_bytes_are_put_down(project: Project) -> None:
    name = b"\xff".decode(errors="surrogateescape")
    (project.context / name).write_text("x")
    project.build(f"FROM base\nCOPY {name} /first\nCOPY . /src/\n")
    (project.context / "a").write_text("new")
    project.change("a")
    (project.context / name).write_text("y")
    assert "another instruction" in project.why(name)


def test_a_record_of_another_version(project: Project) -> None:
    project.build()
    file = project.kept / "build.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 0}))
    assert readings.read(project.kept) is None
