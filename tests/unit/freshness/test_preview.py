"""What a plan says of each step: whether it would be done, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from rootless_build.backend.api import Image
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.preview import forecast
from rootless_build.model.plan import (
    Bundles,
    HostCommand,
    Plan,
    PullImage,
    PullPolicy,
    Step,
    TagImage,
    Unexpanded,
)
from tests.unit.freshness.honest_project import BASE, TAG, Project
from tests.unit.freshness.observed_runs import run

UNCHANGED = "unchanged, would not be done"
LATER = "may be done: its image is built first, and may come to the same"


@dataclass
class Preview:
    project: Project

    def __call__(self, *steps: Step, force: str = "") -> list[str]:
        """What is said of each step."""
        project = self.project
        plan = Plan(
            project.root, steps or (project.build, project.container), Bundles(project.bundles)
        )
        engine = (("the engine", "honest 1"),)
        freshness = PlanFreshness(plan, engine, project.cache, force=force)
        return [str(each) for each in forecast(plan, project.engine, freshness)]


@pytest.fixture
def preview(tmp_path: Path) -> Preview:
    project = Project(tmp_path, 0)
    assert project.run() == (True, True)
    return Preview(project)


def test_nothing_would_be_done(preview: Preview) -> None:
    assert preview() == [UNCHANGED, UNCHANGED]


def test_nothing_is_there_yet(tmp_path: Path) -> None:
    said = Preview(Project(tmp_path, 0))()
    assert said == ["would be done: it was not built yet", LATER]


def test_a_changed_file(preview: Preview) -> None:
    preview.project.write("src/main.go", "new")
    assert preview() == ["would be done: the context changed (src/main.go)", LATER]


def test_only_the_container_changed(preview: Preview) -> None:
    preview.project.environment["FLAVOR"] = "x"
    said = preview()
    assert said == [UNCHANGED, "would be done: environment variable FLAVOR changed"]


def test_forced(preview: Preview) -> None:
    assert preview(force="--force") == ["would be done: --force"] * 2


def test_containers_that_are_always_run_are_so_after_a_new_image_too(preview: Preview) -> None:
    preview.project.write("src/main.go", "new")
    step = msgspec.structs.replace(preview.project.container, always=True)
    assert preview(preview.project.build, step)[1] == "would be done: it is always run"


def test_a_command_of_the_host_is_done_every_time(preview: Preview) -> None:
    command = HostCommand("true", preview.project.root)
    assert preview(command) == ["would be done: it is, every time"]


def test_tags(preview: Preview) -> None:
    project = preview.project
    tag = TagImage(TAG, "other")
    assert preview(project.build, tag)[1] == "would be done: there is no other"
    project.engine.add("other", Image("9" * 64))
    assert preview(project.build, tag)[1] == "would be done: other is another image"
    image = project.engine.find_image(TAG)
    assert image is not None
    project.engine.add("other", image)
    assert preview(project.build, tag, TagImage("other", TAG))[1:] == [UNCHANGED, UNCHANGED]
    project.write("src/main.go", "new")
    assert preview(project.build, tag, TagImage("other", "third"))[1:] == [LATER, LATER]


def test_pulls(preview: Preview) -> None:
    assert preview(PullImage(BASE)) == [UNCHANGED]
    assert preview(PullImage(BASE, pull=PullPolicy.ALWAYS)) == ["would be done: --pull"]
    assert preview(PullImage("docker.io/library/gone")) == ["would be done: it is not in storage"]


def test_after_a_line_that_is_not_known_yet_only_what_is_done_in_any_case_is_certain(
    preview: Preview,
) -> None:
    """The line may make the image, or change what a build or a container reads."""
    build, container = preview.project.build, preview.project.container
    after = "may be done: a line before it is not known before its turn"
    line = Unexpanded(
        script="docker tag $(cat x)",
        assignments="",
        program="docker",
        words="tag $(cat x)",
        directory=preview.project.root,
        does="other",
        why="what a command prints",
    )
    said = "may be done: it is known when its turn comes, as it has what a command prints in it"
    assert preview(line, build, container) == [said, after, after]
    assert preview(build, line, container) == [UNCHANGED, said, after]
    preview.project.environment["FLAVOR"] = "x"
    changed = "would be done: environment variable FLAVOR changed"
    container = preview.project.container
    assert preview(build, line, container) == [UNCHANGED, said, changed]
    preview.project.write("src/main.go", "new")
    built = "would be done: the context changed (src/main.go)"
    assert preview(line, build, container) == [said, built, after]
    assert preview(build, container, line)[1:] == [LATER, said]


def test_a_container_is_judged_by_the_image_that_it_would_get(preview: Preview) -> None:
    """From storage, where no step makes or names it."""
    project = preview.project
    pulled = msgspec.structs.replace(project.container, image=BASE)
    run(project, pulled)
    assert preview(pulled) == [UNCHANGED]
    tagged = msgspec.structs.replace(project.container, image="other")
    steps = (project.build, TagImage(TAG, "other"), tagged)
    run(project, *steps)
    assert preview(*steps) == [UNCHANGED] * 3
    project.engine.add("other", Image("9" * 64))
    said = [UNCHANGED, "would be done: other is another image", UNCHANGED]
    assert preview(*steps) == said
