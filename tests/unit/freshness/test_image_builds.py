"""Which builds of images are worth a record, and when a record does not hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.backend.api import Image, ImageLabel
from rootless_build.freshness.image_builds import ImageBuild, ImageFreshness
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.records import Records
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.model import references
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import BuildProgress, BuildState, Event, StepReporter
from rootless_build.model.plan import BuildImage, BuildOutput, Plan
from rootless_build.model.structs import replace
from tests.unit.freshness.honest_project import BASE, TAG, Project
from tests.unit.freshness.observed_runs import run

ENGINE = (("the engine", "honest 1"),)
QUIET = StepReporter(lambda _: None, 1)
FORGOTTEN = "nobody remembers what went into the image in storage"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path, 0)
    assert made.run() == (True, True)
    return made


def freshness(project: Project, step: BuildImage) -> ImageFreshness:
    """What a new run knows."""
    return PlanFreshness(Plan(project.root, (step,)), ENGINE, project.cache).images


def judge(project: Project, step: BuildImage) -> Verdict:
    return freshness(project, step).judge(step, project.engine)


def begin(project: Project, step: BuildImage) -> ImageBuild:
    made = freshness(project, step).begin(step, project.engine)
    assert made is not None
    return made


def build(project: Project, step: BuildImage, meanwhile: Callable[[], object]) -> str:
    """What is said at the end of a build, of what changed while it went on."""
    made = begin(project, step)
    with made.watch(QUIET):
        image = project.engine.build_image(step, QUIET)
        meanwhile()
    return made.finish(image, 1.0)


def into(place: Path) -> tuple[BuildOutput, ...]:
    return (BuildOutput("local", (("dest", str(place)),)),)


def loop(place: Path) -> None:
    """Nobody can look at it any more."""
    shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    place.symlink_to(place.name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda step: replace(step, outputs=(BuildOutput("tar", (("dest", "/x.tar"),)),)),
            "it writes something else than a directory",
        ),
        (
            lambda step: replace(
                step, outputs=(*into(step.context / "x"), BuildOutput("tar", (("dest", "/x"),)))
            ),
            "it writes something else than a directory",
        ),
        (
            lambda step: replace(step, containerfile_text="FROM scratch\n"),
            "its containerfile is written out in the recipe",
        ),
        (
            lambda step: replace(step, containerfile=step.context / "gone"),
            "it has no containerfile that can be read",
        ),
        (
            lambda step: replace(step, build_contexts=(("other", "/gone"),)),
            "the build context /gone is not a directory of this host",
        ),
    ],
)
def test_what_nobody_can_tell_is_built_and_not_on_record(
    project: Project, change: Callable[[BuildImage], BuildImage], words: str
) -> None:
    step = change(project.build)
    assert judge(project, step) == Dirty(words)
    assert freshness(project, step).begin(step, project.engine) is None


def test_without_a_base_image_nothing_is_on_record(project: Project) -> None:
    project.engine.names.pop(BASE)
    said = judge(project, project.build)
    assert said == Dirty("the base image debian:bookworm is not in storage")
    assert freshness(project, project.build).begin(project.build, project.engine) is None


def test_every_name_of_an_image_has_to_be_there_and_of_that_image(project: Project) -> None:
    step = replace(project.build, tags=(TAG, "other"))
    image = project.engine.find_image(TAG)
    assert image is not None
    project.engine.add("other", image)
    assert judge(project, step) == Fresh(seconds_on_record(project), image)
    project.engine.names.pop("other")
    assert judge(project, step) == Dirty("the image is not in storage")
    project.engine.add("other", Image("9" * 64))
    assert judge(project, step) == Dirty("the image is not in storage")
    project.engine.names.pop(TAG)
    assert judge(project, step) == Dirty("the image is not in storage")


def test_an_image_whose_name_another_checkout_took_is_still_what_was_built(
    project: Project,
) -> None:
    ours = project.engine.find_image(TAG)
    assert ours is not None
    label = ImageLabel("/another/checkout", "f" * 64)
    theirs = Image("8" * 64, labels=(label.pair,))
    project.engine.add(TAG, theirs)
    project.engine.add("kept", ours)
    fresh = Fresh(seconds_on_record(project), ours, moved=True)
    assert judge(project, project.build) == fresh
    project.write("src/main.go", "other")
    assert isinstance(judge(project, project.build), Dirty)


def seconds_on_record(project: Project) -> float:
    (made,) = Records.load(project.cache).images.values()
    return made.seconds


def test_an_image_of_other_files_without_a_record_is_one_that_nobody_remembers(
    project: Project,
) -> None:
    for file in project.cache.iterdir():
        file.unlink()
    project.write("src/main.go", "other")
    assert judge(project, project.build) == Dirty(FORGOTTEN)


def test_another_label_than_that_of_the_record_is_not_trusted(project: Project) -> None:
    """Inputs are as recorded, and the image has the id of the record: its label does not say so."""
    image = project.engine.find_image(TAG)
    assert image is not None
    project.engine.add(TAG, replace(image, labels=()))
    assert judge(project, project.build) == Dirty(FORGOTTEN)


def test_another_base_by_an_argument_is_another_build(project: Project) -> None:
    """What a containerfile needs is remembered for these arguments alone."""
    project.write("Dockerfile", "ARG BASE=debian:bookworm\nFROM $BASE\nCOPY . /src\n")
    run(project)
    assert isinstance(judge(project, project.build), Fresh)
    other = replace(project.build, build_args=(("BASE", "debian:trixie"),))
    assert judge(project, other) == Dirty("the base image debian:trixie is not in storage")
    assert isinstance(judge(project, project.build), Fresh)


def test_a_context_that_can_not_be_looked_at_after_a_build_makes_the_image_dubious(
    project: Project,
) -> None:
    file = project.root / "Dockerfile"
    text = file.read_text()
    project.write("src/main.go", "new")
    assert build(project, project.build, file.unlink) == f"{file}: No such file or directory"
    file.write_text(text)
    assert judge(project, project.build) == Dirty("files changed while it was built")


def test_a_directory_that_can_not_be_looked_at_after_a_build_is_written_again(
    project: Project,
) -> None:
    out = project.root.parent / "out"
    step = replace(project.build, tags=(), outputs=into(out))
    out.mkdir()
    assert build(project, step, lambda: None) == ""
    assert judge(project, step) == Fresh(1.0)
    loop(out)
    assert judge(project, step) == Dirty(f"{out}: Too many levels of symbolic links")
    assert build(project, step, lambda: None) == f"{out}: Too many levels of symbolic links"
    out.unlink()
    out.mkdir()
    assert judge(project, step) == Dirty("files changed while it was built")


def test_what_changed_during_a_build_is_said_before_what_it_wrote(project: Project) -> None:
    out = project.root.parent / "out"
    step = replace(project.build, tags=(), outputs=into(out))

    def meanwhile() -> None:
        project.write("src/main.go", "new")
        loop(out)

    assert build(project, step, meanwhile) == "the context changed (src/main.go)"


def test_two_targets_that_write_into_directories_are_two_records(project: Project) -> None:
    """And a directory of another place, or another containerfile, is a third and a fourth."""
    project.write("Other", (project.root / "Dockerfile").read_text())
    base = replace(project.build, tags=(), outputs=into(project.root.parent / "out"))
    others = [
        replace(base, target="dev"),
        replace(base, outputs=into(project.root.parent / "elsewhere")),
        replace(base, containerfile=project.root / "Other"),
    ]
    assert build(project, base, lambda: None) == ""
    for step in others:
        assert judge(project, step) == Dirty("it was not built yet")
        assert build(project, step, lambda: None) == ""
    for step in (base, *others):
        assert isinstance(judge(project, step), Fresh)


def test_the_first_build_that_failed_did_not_end(project: Project) -> None:
    step = replace(project.build, tags=("new",))
    with pytest.raises(ImageBuildError), begin(project, step).watch(QUIET):
        raise ImageBuildError("no such package")
    project.engine.add("new", Image("8" * 64))
    assert judge(project, step) == Dirty("its last build did not end")


def test_what_was_dubious_stays_so_after_a_build_that_failed(project: Project) -> None:
    """The image in storage is still that of the build before, during which files changed."""
    before = (project.root / "src/main.go").read_text()
    project.write("src/main.go", "new")
    build(project, project.build, lambda: project.write("src/main.go", "meanwhile"))
    with pytest.raises(ImageBuildError), begin(project, project.build).watch(QUIET):
        raise ImageBuildError("no such package")
    for text in ("new", before):
        project.write("src/main.go", text)
        assert judge(project, project.build) == Dirty("files changed while it was built")


def test_a_label_of_the_projects_own_is_not_the_end_of_the_build(project: Project) -> None:
    """Files are looked at again when the engine is at rbuild's label, and not before: a command
    after another label reads them too.
    """
    made = begin(project, project.build)
    with made.watch(QUIET) as reporter:
        reporter.instruction(1, 2, 'LABEL "own"="x"')
        project.write("src/main.go", "read by what follows")
        reporter.instruction(2, 2, f'LABEL "rbuild"="{made.fingerprint}"')
    assert made.finish(Image("8" * 64), 1.0) == "the context changed (src/main.go)"


def test_what_changes_after_the_last_instruction_is_none_of_the_builds(project: Project) -> None:
    made = begin(project, project.build)
    with made.watch(QUIET) as reporter:
        reporter.instruction(1, 1, f'LABEL "rbuild"="{made.fingerprint}"')
    project.write("src/main.go", "after all")
    assert made.finish(Image("8" * 64), 1.0) == ""


def test_an_image_that_is_known_by_its_label_saves_nobody_knows_how_much(project: Project) -> None:
    for file in project.cache.iterdir():
        file.unlink()
    image = project.engine.find_image(TAG)
    for _ in range(2):
        assert judge(project, project.build) == Fresh(0.0, image)


def test_the_images_that_a_step_needs_are_looked_for_early_by_the_next_run(
    project: Project,
) -> None:
    asked = Records.load(project.cache).asked
    assert {TAG, BASE} <= set(asked)


def test_who_watches_a_build_is_told_of_every_instruction(project: Project) -> None:
    events: list[Event] = []
    made = begin(project, project.build)
    with made.watch(StepReporter(events.append, 1)) as reporter:
        reporter.instruction(1, 2, "RUN make")
        reporter.instruction(2, 2, f'LABEL "rbuild"="{made.fingerprint}"')
    said = [
        event.instruction
        for event in events
        if isinstance(event, BuildProgress) and event.state is BuildState.STARTED
    ]
    assert said == ["RUN make", f'LABEL "rbuild"="{made.fingerprint}"']


def test_another_context_of_the_same_name_is_another_build(project: Project) -> None:
    """What changed since is one layer on an image of the same files alone."""
    step = project.build
    named = replace(step, build_contexts=(("lib", str(step.context)),))
    assert begin(project, step).full_place == begin(project, step).full_place
    elsewhere = replace(named, build_contexts=(("lib", str(step.context / "..")),))
    places = {begin(project, each).full_place for each in (step, named, elsewhere)}
    assert len(places) == 3


@pytest.mark.parametrize("images", [("b", "a", "b"), ("a", "b", "b"), ("a", "a", "b")])
def test_which_image_is_which_context(project: Project, images: tuple[str, ...]) -> None:
    """The same images, each of which is in storage, in other places."""
    for name in "ab":
        project.engine.add(references.canonical(name), Image(name * 64))

    def build(images: tuple[str, ...]) -> BuildImage:
        contexts = tuple((f"c{n}", f"docker-image://{name}") for n, name in enumerate(images))
        return replace(project.build, build_contexts=contexts)

    before, after = (begin(project, build(each)) for each in (("a", "b", "a"), images))
    assert after.fingerprint != before.fingerprint
    assert "the context c" in after.made_of.differs(dict(before.made_of.parts))
