"""Which runs of containers are worth a record, and when a record does not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.freshness import container_writes, tree
from rootless_build.freshness.container_runs import ContainerRuns
from rootless_build.freshness.fingerprints import Unknown
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.records import Records
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.model.plan import BindMount, Bundles, Plan, RemoveVolume, Step, Unexpanded
from rootless_build.model.structs import replace
from tests.unit.freshness import honest_project
from tests.unit.freshness.honest_project import TAG, Project
from tests.unit.freshness.observed_runs import reasons, run

LINE = Unexpanded(
    script="docker run $(cat x)",
    assignments="",
    program="docker",
    words="run $(cat x)",
    directory=Path("/nowhere"),
    does="run",
    why="what a command prints",
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path, 0)
    assert made.run() == (True, True)
    return made


def write_nothing(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """The container does that, and leaves the bundles alone."""
    monkeypatch.setattr(honest_project, "write_bundles", lambda *_: work())


class Containers:
    """The containers of a project, as a run has them recorded and judged."""

    def __init__(self, project: Project, *steps: Step, bundles: bool = True) -> None:
        self.project = project
        image = project.engine.find_image(TAG)
        assert image is not None
        self.image = image
        wanted = Bundles(project.bundles) if bundles else None
        plan = Plan(project.root, steps or (project.container,), wanted)
        self.freshness = PlanFreshness(plan, (), project.cache).containers

    def done(self, meanwhile: Callable[[ContainerRuns], object] = lambda _: None) -> Verdict:
        """What the next run is told after its container ended well."""
        runs = self.freshness.begin()
        assert runs is not None
        runs.start(self.project.container, self.image)
        meanwhile(runs)
        runs.end(self.project.container, self.image, 1.0)
        runs.finish()
        return self.judge()

    def judge(self, image: Image | None = None) -> Verdict:
        return self.freshness.judge(lambda _: image or self.image, piped=False)


def test_a_container_that_never_wrote_anything_is_there_for_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test, say: each run makes it again."""
    project = Project(tmp_path, 0)
    project.bundles.mkdir()
    write_nothing(monkeypatch, lambda: None)
    for _ in range(2):
        assert run(project)[0][1]


def test_a_container_that_wrote_beside_the_bundles_has_done_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, 0)
    project.bundles.mkdir()
    out = project.root.parent / "out"
    out.mkdir()
    step = replace(project.container, mounts=(*project.container.mounts, BindMount(out, "/out")))
    (out / "made").write_text("x")

    def work() -> None:
        begun = container_writes.now()
        while container_writes.now() <= begun:
            """The clock of file systems has a tick."""
        (out / "made").write_text("x")

    write_nothing(monkeypatch, work)
    assert run(project, project.build, step)[0][1]
    assert run(project, project.build, step)[0] == (False, False)


def test_a_container_that_has_made_bundles_before_may_come_to_the_same_ones(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.environment["FLAVOR"] = "of no consequence"
    write_nothing(monkeypatch, lambda: None)
    assert run(project)[0] == (False, True)
    assert run(project)[0] == (False, False)


def test_what_came_of_typed_keys_is_not_on_record(project: Project) -> None:
    assert isinstance(Containers(project).done(), Fresh)
    project.environment["FLAVOR"] = "other"
    assert isinstance(Containers(project).done(ContainerRuns.note_typed_keys), Dirty)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_what_ran_on_something_that_can_not_be_looked_at_is_not_on_record(
    project: Project, when: str
) -> None:
    """Nobody knows what it was while the container ran, although it is a file later."""
    head = project.root / ".git"
    other = project.root / "git"

    def loop(_: object = None) -> None:
        head.rename(other)
        head.symlink_to(".git")

    def back(_: object = None) -> None:
        head.unlink()
        other.rename(head)

    containers = Containers(project)
    if when == "before":
        loop()
    said = containers.done(back if when == "before" else loop)
    if when == "meanwhile":
        assert said == Dirty(f"{head}: Too many levels of symbolic links")
        back()
    project.environment["FLAVOR"] = "other"
    assert isinstance(Containers(project).judge(), Dirty)


def test_each_container_has_to_be_certain(project: Project) -> None:
    """One that can be told does not make up for one before it that could not."""
    head = project.root / ".git/HEAD"
    before = head.read_text()
    first, second = project.container, replace(project.container, command=("hack/make.sh", "x"))
    containers = Containers(project, first, second)
    runs = containers.freshness.begin()
    assert runs is not None
    runs.start(first, containers.image)
    head.write_text("for a moment")
    runs.end(first, containers.image, 1.0)
    head.write_text(before)
    runs.start(second, containers.image)
    runs.end(second, containers.image, 1.0)
    runs.finish()
    assert isinstance(containers.judge(), Dirty)


def test_a_record_of_another_number_of_containers_does_not_hold(project: Project) -> None:
    records = Records.load(project.cache)
    records.runs = {key: replace(made, parts=()) for key, made in records.runs.items()}
    records.save()
    done, events = run(project, explain=True)
    assert done == (False, True)
    assert reasons(events) == ["the recipe has other containers"]


def test_without_its_image_a_container_is_run(project: Project) -> None:
    plan = Plan(project.root, (project.container,), Bundles(project.bundles))
    containers = PlanFreshness(plan, (), project.cache).containers
    said = containers.judge(lambda _: None, piped=False)
    assert said == Dirty(f"the image {TAG} is not in storage")


def test_bundles_that_can_not_be_looked_at_are_made_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers = Containers(project)
    assert isinstance(containers.done(), Fresh)
    for number in range(30):
        (project.bundles / str(number)).touch()
    monkeypatch.setattr(tree, "_MOST_FILES", 20)
    assert containers.judge() == Dirty(f"{project.bundles}: holds too much to be looked at")
    monkeypatch.undo()
    project.environment["FLAVOR"] = "other"
    monkeypatch.setattr(tree, "_MOST_FILES", 20)
    Containers(project).done()
    monkeypatch.undo()
    assert isinstance(Containers(project).judge(), Dirty)


def test_a_line_that_is_not_known_yet_may_be_worth_a_record_later(project: Project) -> None:
    """Lines that run nothing keep nobody from telling; with one that may, nothing is on record."""
    harmless = replace(LINE, does="build")
    assert isinstance(Containers(project, project.container, harmless).done(), Fresh)
    containers = Containers(project, project.container, LINE)
    assert containers.freshness.waits()
    assert containers.done() == Dirty("it is not known yet which containers follow")
    for step in (project.container, replace(project.container, always=True)):
        assert not Containers(project, step).freshness.waits()


def test_a_container_that_reads_a_pipe_may_be_fresh_when_there_is_none(project: Project) -> None:
    reads = replace(project.container, interactive=True)
    containers = Containers(project, reads)
    assert containers.freshness.may_be_fresh()
    assert not containers.freshness.must_run()
    assert Containers(project, reads, LINE).freshness.waits()


def test_containers_that_are_always_run_have_no_record(project: Project) -> None:
    always = replace(project.container, always=True)
    for containers in (
        Containers(project, always),
        Containers(project, bundles=False),
    ):
        assert containers.freshness.begin() is None
        assert containers.freshness.must_run()


def test_what_containers_take_with_empty_caches_is_known_to_the_next_run(project: Project) -> None:
    """Of these containers alone: nobody knows what others take."""
    Containers(project).freshness.keep_cold_seconds(300.0)
    assert Containers(project).freshness.cold_seconds() == 300.0
    other = replace(project.container, command=("hack/make.sh", "cross"))
    assert Containers(project, other).freshness.cold_seconds() == 0.0


def test_a_plan_that_has_grown_is_judged_as_it_is_now(project: Project) -> None:
    grown = Plan(
        project.root,
        (project.container, RemoveVolume(("cache",))),
        Bundles(project.bundles),
    )
    short = Plan(project.root, (project.container,), Bundles(project.bundles))
    freshness = PlanFreshness(short, (("the engine", "honest 1"),), project.cache)
    image = project.engine.find_image(TAG)
    assert isinstance(freshness.containers.judge(lambda _: image, piped=False), Fresh)
    freshness.follow(grown)
    said = freshness.containers.judge(lambda _: image, piped=False)
    assert said == Dirty("the recipe removes volumes")


def test_a_plan_that_makes_no_bundles_after_all_is_not_on_record(project: Project) -> None:
    """Where it grows to that while its containers run."""
    containers = Containers(project)
    runs = containers.freshness.begin()
    assert runs is not None
    containers.freshness.follow(Plan(project.root, (project.container,)))
    said = Unknown("it makes no bundles")
    assert containers.freshness.fingerprint(project.container, containers.image) == said
    assert containers.freshness.bundles_digest() == said
    before = Records.load(project.cache).runs
    runs.start(project.container, containers.image)
    runs.end(project.container, containers.image, 1.0)
    runs.finish()
    assert Records.load(project.cache).runs == before


def test_the_seconds_of_each_container_are_counted(project: Project) -> None:
    first, second = project.container, replace(project.container, command=("hack/make.sh", "x"))
    containers = Containers(project, first, second)
    runs = containers.freshness.begin()
    assert runs is not None
    for step in (first, second):
        runs.start(step, containers.image)
        runs.end(step, containers.image, 2.0)
    runs.finish()
    assert containers.judge() == Fresh(4.0)
