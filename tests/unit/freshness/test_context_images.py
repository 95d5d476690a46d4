"""Images of what RUNs mount of a build context: when they are an earlier one and what changed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.freshness import fingerprints
from rootless_build.freshness.context_images import KeptContextImages
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.images.building import build_image
from rootless_build.images.containerfile.patterns import Patterns, ignore_lines
from rootless_build.images.layers.request import Directory
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.segments.readings import ImagesTold
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.edited_tree import EditedTree
from tests.unit.images.segments.storage import OPTIONS, Storage

FILE = "FROM base\nRUN --mount=type=bind,target=/m make\n"


class Project:
    """Builds of a build context of which something is ignored, with an engine."""

    def __init__(self, place: Path) -> None:
        self.storage = Storage()
        self.storage.has("base")
        self.context, self.cache = place / "context", place / "cache"
        (self.context / "d").mkdir(parents=True)
        for name in ("a", "d/b", "d/c", "ignored", "Dockerfile"):
            (self.context / name).write_text(FILE if name == "Dockerfile" else name)
        (self.context / ".dockerignore").write_text("ignored\n")
        self.step = BuildImage(self.context, tags=("made",))
        self.told: list[str] = []
        self.kept = KeptContextImages(self.cache / "contexts-1", self.look, 1.0)

    def look(self) -> Fingerprint | Unknown:
        """What goes into the build."""
        return fingerprints.of_build(self.step, self.cache, OwnFiles())

    def build(self, kept: KeptContextImages | None = None) -> str:
        """The id of the image that the RUN mounts."""
        recorder = Recorder()
        options = replace(OPTIONS, full=self.cache / "full-1.new", contexts=kept or self.kept)
        assert options.full is not None
        options.full.mkdir(parents=True, exist_ok=True)
        told = ImagesTold(recorder.reporter)
        build_image(self.step, self.storage, told, options)
        self.told = told.images
        contexts = dict(self.storage.builds[-1].build_contexts)
        return contexts[self.mounted()].removeprefix("container-image://")

    def mounted(self) -> str:
        """What the last RUN calls the image that it mounts."""
        return self.storage.runs[-1].split()[1]

    def layers(self, image: str) -> tuple[str, ...]:
        return self.storage.configuration(Image(image)).layers


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_one_layer_upon_the_last_image(project: Project) -> None:
    """The next change starts from the same image again."""
    whole = project.build()
    assert len(project.layers(whole)) == 1
    for number in range(3):
        (project.context / "a").write_text(f"new {number}")
        made = project.build()
        assert project.layers(made)[:-1] == project.layers(whole)
        assert {whole, made} <= set(project.told)


def test_nothing_that_changed_is_the_same_image(project: Project) -> None:
    whole, added = project.build(), project.storage.added
    (project.context / "ignored").write_text("new")
    assert project.build() == whole
    assert project.storage.added - added == added - 1


def test_a_run_is_of_the_files_however_they_come(project: Project) -> None:
    """Else it would be done again where only an option is another."""
    project.build()
    (project.context / "d/b").write_text("new")
    project.build()
    name = project.mounted()
    project.build(replace(project.kept, take=lambda: Unknown("somebody else's")))
    assert project.mounted() == name
    (project.context / "d/b").write_text("d/b")
    project.build()
    assert project.mounted() != name


def test_an_image_that_is_gone(project: Project) -> None:
    whole = project.build()
    del project.storage.contents[whole]
    (project.context / "a").write_text("new")
    made = project.build()
    assert len(project.layers(made)) == 1
    (project.context / "a").write_text("newer")
    assert project.layers(project.build())[:-1] == project.layers(made)


def much(project: Project) -> None:
    project.kept = replace(project.kept, share=0.1)
    for name in ("a", "d/b", "d/c"):
        (project.context / name).write_text("all of it")


def other_rules(project: Project) -> None:
    (project.context / ".dockerignore").write_text("d/c\n")


def exceptions(project: Project) -> None:
    """Of bundles that are ignored as a whole nobody knows the files."""
    (project.context / ".dockerignore").write_text("*\n!d\n")
    project.kept = replace(project.kept, bundles=True)


def forced(project: Project) -> None:
    project.kept = replace(project.kept, reuse=False)


def damaged(project: Project) -> None:
    for file in project.cache.glob("contexts-*/files"):
        file.write_bytes(file.read_bytes()[:-5])


def forgotten(project: Project) -> None:
    for file in project.cache.glob("contexts-*/context"):
        file.write_bytes(b"")


@pytest.mark.parametrize("change", [much, other_rules, exceptions, forced, damaged, forgotten])
def test_in_doubt_it_is_made_as_a_whole(
    project: Project, change: Callable[[Project], None]
) -> None:
    project.build()
    (project.context / "a").write_text("new")
    change(project)
    assert len(project.layers(project.build())) == 1


def test_other_bytes_of_the_same_size_and_time(project: Project) -> None:
    whole = project.build()
    file = project.context / "d" / "b"
    status = file.stat()
    file.write_bytes(bytes(byte ^ 1 for byte in file.read_bytes()))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(project.layers(project.build())) == len(project.layers(whole)) + 1


def test_files_that_change_while_the_image_is_made(project: Project) -> None:
    """What is kept is of files that are known."""

    def look() -> Fingerprint | Unknown:
        seen = project.look()
        (project.context / "a").write_text(os.urandom(4).hex())
        return seen

    project.build(replace(project.kept, take=look))
    assert not list(project.cache.glob("contexts-*"))


def test_what_killed_runs_left_goes(project: Project) -> None:
    project.cache.mkdir()
    left = project.cache / "contexts-1-name-image.1.1"
    left.mkdir()
    project.build()
    assert not left.exists()
    assert len(list(project.cache.glob("contexts-*"))) == 1


def test_the_oldest_go(project: Project) -> None:
    for number in range(20):
        old = project.cache / f"contexts-0-name-{number}"
        old.mkdir(parents=True)
        os.utime(old, (number, number))
    project.build()
    left = {path.name for path in project.cache.glob("contexts-*")}
    assert len(left) == 16
    assert "contexts-0-name-19" in left
    assert "contexts-0-name-0" not in left


def test_a_cache_that_cannot_be_written(project: Project) -> None:
    """A full disk costs the next one that is made as a whole."""
    (project.cache / "contexts-1").parent.mkdir()
    project.kept = replace(project.kept, place=project.cache / "file" / "contexts-1")
    (project.cache / "file").write_text("")
    assert len(project.layers(project.build())) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_digest_of_what_was_seen(tmp_path: Path, seed: int) -> None:
    """It is that of the files themselves."""
    context = tmp_path / "context"
    tree = EditedTree(context, random.Random(seed), keep=("Dockerfile", "d", "e"))
    step = BuildImage(context)
    kept = KeptContextImages(
        tmp_path / "contexts-1", lambda: fingerprints.of_build(step, tmp_path, OwnFiles()), 1.0
    )
    (context / "Dockerfile").write_text(FILE)
    rules = tuple(ignore_lines("a\n**/b\n!d/b\nz*\n"))
    for _ in range(30):
        tree.edit()
        seen = kept.look(Directory(context, ""))
        assert seen is not None
        for lines in ((), rules):
            for path in ("", "d", "e", "d/b/a", "b/"):
                files = BuildContext(context, Patterns(lines))
                place = files.real(path)
                expected = files.digest(path) if place is not None else None
                assert seen.digest(Directory(context, path, lines)) == expected, (path, place)


def test_few_files_of_a_large_context_are_not_worth_a_look_at_all(project: Project) -> None:
    def look(path: str) -> object:
        return project.kept.look(Directory(project.context, path))

    assert look("/")
    assert not look("d")
    assert not look("nothing")
    for number in range(1000):
        (project.context / "d" / f"f{number}").touch()
    assert look("d")
