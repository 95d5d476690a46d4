"""What is not done again, what always is, and what rbuild says about it.

The engine is that of test_edits; what real ones do is in tests/e2e.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.backend.api import LABEL_BASE, Image, ImageLabel
from rootless_build.freshness import fingerprints
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.records import Records
from rootless_build.freshness.snapshots import LateSnapshot
from rootless_build.freshness.verdict import Dirty
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import Notice, StepFinished, StepReporter
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    Bundles,
    HostCommand,
    Origin,
    Plan,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    Step,
)
from rootless_build.model.structs import replace
from rootless_build.runner import run as runner
from rootless_build.runner.options import Options
from tests.unit.freshness.honest_project import BASE, TAG, Project
from tests.unit.freshness.observed_runs import reasons, run


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path, 0)
    assert made.run() == (True, True)
    return made


def test_nothing_changed(project: Project) -> None:
    done, events = run(project, explain=True)
    assert done == (False, False)
    assert [event.cached for event in events if isinstance(event, StepFinished)] == [True, True]
    assert reasons(events) == []


def test_the_classic_builder_reads_no_ignore_file_of_the_containerfile(project: Project) -> None:
    """docker 20.10 copies what it names: nobody knows what a change of that would come to."""
    project.write("Dockerfile.dockerignore", "bundles\n")
    run(project)
    assert run(project, builder="podman 4.3.1")[0] == (False, False)
    done, events = run(project, explain=True, builder="docker-classic 20.10.24")
    assert done[0]
    assert reasons(events)[0].startswith(
        "docker's classic builder reads no Dockerfile.dockerignore"
    )


def test_an_image_of_files_that_changed_and_of_a_run_that_was_killed_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its label names files that were there before, and are again."""
    project = Project(tmp_path, 0)
    build_image = project.engine.build_image

    def killed(step: BuildImage, reporter: StepReporter) -> Image:
        project.write("src/main.go", "in between")
        build_image(step, reporter)
        project.write("src/main.go", "before")
        raise KeyboardInterrupt

    project.write("src/main.go", "before")
    monkeypatch.setattr(project.engine, "build_image", killed)
    with pytest.raises(KeyboardInterrupt):
        run(project)
    monkeypatch.undo()
    done, events = run(project, explain=True)
    assert done == (True, True)
    assert reasons(events)[0] == "its last build did not end"


def test_the_image_before_a_build_that_failed_is_still_good(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(step: BuildImage, reporter: StepReporter) -> Image:
        raise ImageBuildError("no such package")

    before = (project.root / "src/main.go").read_text()
    project.write("src/main.go", "broken")
    monkeypatch.setattr(project.engine, "build_image", failing)
    with pytest.raises(ImageBuildError):
        run(project)
    monkeypatch.undo()
    assert run(project)[0] == (True, True)
    assert run(project)[0] == (False, False)
    project.write("src/main.go", "broken again")
    monkeypatch.setattr(project.engine, "build_image", failing)
    with pytest.raises(ImageBuildError):
        run(project)
    monkeypatch.undo()
    project.write("src/main.go", "broken")
    assert run(project)[0] == (False, False)
    project.write("src/main.go", before)
    assert run(project)[0] == (True, True)


@pytest.mark.parametrize("option", ["--force", "--fresh"])
def test_forced(project: Project, option: str) -> None:
    done, events = run(project, force=option, explain=True)
    assert done == (True, True)
    assert reasons(events) == [option, option]


def first(project: Project) -> tuple[str, ...]:
    return tuple(reasons(run(project, explain=True)[1]))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda p: p.write("src/main.go", "new"), "the context changed (src/main.go)"),
        (lambda p: p.write("src/other.go", "new"), "the context changed (src/other.go)"),
        (lambda p: p.write("Dockerfile", "FROM debian:bookworm\nRUN x\n"), "the containerfile"),
        (lambda p: p.arguments.update(NOTE="x"), "build argument NAME changed"),
        (lambda p: p.arguments.update(NEW="x"), "build argument NEW is new"),
        (lambda p: p.arguments.clear(), "build argument NOTE is gone"),
        (lambda p: p.base_moves(), "the base image debian:bookworm changed"),
        (lambda p: p.image_goes(), "the image is not in storage"),
        (lambda p: p.image_replaced(), "another one than rbuild made"),
        (lambda p: p.environment.update(FLAVOR="x"), "environment variable FLAVOR changed"),
        (lambda p: p.bundle_goes(), "the bundles are not as that run left them"),
        (lambda p: p.write(".git/HEAD", "other"), ".git changed (HEAD)"),
    ],
)
def test_why(project: Project, edit: Callable[[Project], object], words: str) -> None:
    edit(project)
    said = first(project)
    assert said
    assert words.replace("NAME", "NOTE") in said[0]


def test_a_new_version_of_the_engine(project: Project) -> None:
    done, events = run(project, about="honest 2", explain=True)
    assert done == (True, True)
    assert reasons(events)[0] == "the engine changed"


def test_only_what_goes_into_the_container_changed(project: Project) -> None:
    project.environment["FLAVOR"] = "other"
    assert run(project)[0] == (False, True)


def test_an_image_of_the_same_layers_is_the_same_to_a_container(project: Project) -> None:
    """The engine found all of it in its own cache: nothing the container sees has changed."""
    layers = project.engine.layers_of(project.build)
    project.engine.layers_of = lambda _: layers  # type: ignore[method-assign,assignment]
    project.write("src/not-copied", "x")
    assert run(project)[0] == (True, False)
    assert run(project)[0] == (False, False)


def test_an_image_is_known_by_its_label_alone(project: Project) -> None:
    """As after a move to another machine, or a cache that was emptied."""
    for file in project.cache.iterdir():
        file.unlink()
    assert run(project)[0] == (False, True)
    image = project.engine.find_image(TAG)
    assert image is not None
    label = ImageLabel.of(image.labels)
    assert label is not None
    assert label.project == str(project.root)
    assert label.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda step: replace(step, no_cache=True),
        lambda step: replace(step, pull=PullPolicy.ALWAYS),
        lambda step: replace(step, tags=()),
        lambda step: replace(step, containerfile=step.context / "Variable"),
        lambda step: replace(step, build_contexts=(("other", "https://example.com/x.git"),)),
    ],
)
def test_builds_that_can_not_be_known(
    project: Project, change: Callable[[BuildImage], BuildImage]
) -> None:
    project.write("Variable", "FROM debian:bookworm\nCOPY --from=$OTHER x /x\n")
    step = change(project.build)
    for _ in range(2):
        assert run(project, step)[0] == (True, False)


def test_containers_that_are_always_run(project: Project) -> None:
    step = replace(project.container, always=True)
    for _ in range(2):
        assert run(project, project.build, step)[0] == (False, True)


@pytest.mark.parametrize(
    "plan",
    [
        lambda p: (p.build, RemoveVolume(("cache",)), p.container),
        lambda p: (p.build, p.container, HostCommand("true", p.root), p.container),
        lambda p: (p.build, p.container, p.build, p.container),
    ],
)
def test_recipes_whose_containers_are_always_run(
    project: Project, plan: Callable[[Project], tuple[Step, ...]]
) -> None:
    for _ in range(2):
        assert run(project, *plan(project))[0][1]


def test_commands_before_and_after_the_container_always_run(project: Project) -> None:
    log = project.root.parent / "log"
    command = HostCommand(f"echo x >> {log}", project.root, (("PATH", "/usr/bin:/bin"),))
    plan = (command, project.build, project.container, command)
    run(project, *plan)
    assert run(project, *plan)[0] == (False, False)
    assert log.read_text() == "x\n" * 4


def test_a_container_without_bundles_is_always_run(project: Project) -> None:
    for _ in range(2):
        assert run(project, project.build, project.container, bundles=False)[0] == (False, True)


def test_all_containers_of_a_plan_or_none(project: Project) -> None:
    other = replace(project.container, command=("hack/make.sh", "cross"))
    plan = (project.build, project.container, other)
    run(project, *plan)
    ran = project.engine.ran
    assert run(project, *plan)[0] == (False, False)
    changed = replace(other, environment=(("FLAVOR", "x"),))
    run(project, project.build, project.container, changed)
    assert project.engine.ran == ran + 2


def test_a_mounted_file_that_changes_while_the_container_runs(project: Project) -> None:
    """After it was read, before, or only for a moment: the next run looks again."""
    head = project.root / ".git/HEAD"
    for change in ("written late", "ref: refs/heads/master"):
        project.environment["FLAVOR"] = change
        made = project.engine.bundles_of

        def read_then_changed(
            step: RunContainer, image: object, change: str = change, made: object = made
        ) -> str:
            head.write_text("read for a moment")
            assert callable(made)
            found = str(made(step, image))
            head.write_text(change)
            return found

        project.engine.bundles_of = read_then_changed  # type: ignore[method-assign]
        project.run()
        project.engine.bundles_of = made  # type: ignore[method-assign]
        assert not project.is_right()
        project.run()
        assert project.is_right() or change == "ref: refs/heads/master"


def test_a_file_that_changes_while_the_image_is_built(project: Project) -> None:
    source = project.root / "src/main.go"
    before = source.read_text()
    project.arguments["NOTE"] = "again"
    project.engine.meanwhile = lambda: (source.write_text("for a moment"), None)[1]
    project.run()
    source.write_text(before)
    project.engine.meanwhile = lambda: None
    assert project.run()[0]
    assert project.is_right()


def test_a_file_that_changes_while_a_base_image_is_pulled(project: Project) -> None:
    """The build reads it after that: the image is what its label says."""
    source = project.root / "src/main.go"
    project.engine.names.pop(BASE)
    project.write("src/other.go", "new")
    pull = project.engine.pull_image

    def slowly(reference: str, reporter: StepReporter, platform: str | None = None) -> Image:
        source.write_text("new, too")
        return pull(reference, reporter, platform)

    project.engine.pull_image = slowly  # type: ignore[method-assign]
    done, events = run(project)
    assert done == (True, True)
    assert "changed-meanwhile" not in [e.code for e in events if isinstance(e, Notice)]
    assert run(project)[0] == (False, False)
    assert project.is_right()


def test_what_a_command_of_the_recipe_writes_before_the_build_counts(project: Project) -> None:
    file = project.root / "VERSION"
    command = HostCommand(f"echo x >> {file}", project.root, (("PATH", "/usr/bin:/bin"),))
    for _ in range(2):
        assert run(project, command, project.build, project.container)[0] == (True, True)
        assert project.is_right()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_file_that_changes_while_the_engine_ends(project: Project, moment: str) -> None:
    """Once the engine is at rbuild's own label, it has read all files."""
    source = project.root / "src/main.go"
    build = project.engine.build_image

    def build_slowly(step: BuildImage, reporter: StepReporter) -> Image:
        if moment == "before":
            source.write_text("while the context is read")
        image = build(step, reporter)
        for thread in threading.enumerate():
            if thread.name == "rbuild-look":
                thread.join()
        source.write_text("while the engine ends")
        return image

    project.engine.build_image = build_slowly  # type: ignore[method-assign]
    project.write("src/other.go", "new")
    done, events = run(project)
    assert done[0]
    said = "changed-meanwhile" in [e.code for e in events if isinstance(e, Notice)]
    assert said == (moment == "before")
    project.engine.build_image = build  # type: ignore[method-assign]
    assert run(project)[0][0]
    assert run(project)[0] == (False, False)
    assert project.is_right()


def test_the_context_of_a_run_mount_is_not_filtered(project: Project) -> None:
    """podman and buildah mount ignored files too."""
    project.write("Dockerfile", "FROM debian:bookworm\nRUN --mount=target=/src make\n")
    assert run(project)[0][0]
    project.write(".git/HEAD", "other")
    assert run(project)[0][0]


@pytest.mark.parametrize("name", ["Dockerfile.containerignore", ".containerignore"])
def test_where_the_engines_ignore_file_is_unsure_everything_counts(
    project: Project, name: str
) -> None:
    project.write(name, ".git")
    run(project)
    project.write(".git/HEAD", "other")
    assert run(project)[0][0]


def test_something_that_can_not_be_looked_at_is_no_reason_to_fail(project: Project) -> None:
    (project.root / ".git/refs/heads/master").unlink()
    (project.root / ".git/refs/heads/master").symlink_to("gone")
    assert run(project)[0][1]
    assert not run(project)[0][1]


def test_an_output_directory_is_part_of_what_a_build_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = project.root / "bundles"
    step = replace(project.build, tags=(), outputs=(BuildOutput("local", (("dest", str(out)),)),))
    assert run(project, step)[0][0]
    assert not run(project, step)[0][0]
    (out / "extra").write_text("x")
    assert run(project, step)[0][0]
    assert not run(project, step)[0][0]
    project.write("src/main.go", "new")
    assert run(project, step)[0][0]


@pytest.mark.parametrize("place", ["", "binary"])
def test_bundles_that_were_signed_are_not_made_again(project: Project, place: str) -> None:
    (project.bundles / place / "provenance.intoto.jsonl").write_text("{}")
    assert run(project)[0] == (False, False)


def test_the_base_image_counts_by_its_stand_in_too(project: Project) -> None:
    base = project.engine.find_image(BASE)
    assert base is not None
    project.engine.names.pop(BASE)
    label = (LABEL_BASE, BASE)
    project.engine.add("localhost/debian:bookworm", replace(base, labels=(label,)))
    assert run(project)[0] == (False, False)
    other = Image("9" * 64, labels=(label,), layers=("other",))
    project.engine.add("localhost/debian:bookworm", other)
    done, events = run(project, explain=True)
    assert done[0]
    assert "base image debian:bookworm" in reasons(events)[0]


def test_git_itself_is_content_with_what_was_recorded(project: Project) -> None:
    """A real repository in the mounted .git: a commit counts."""
    git = ["git", "-C", str(project.root), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    shutil.rmtree(project.root / ".git")
    subprocess.run([*git, "init", "-q"], check=True)
    run(project)
    assert run(project)[0] == (False, False)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert run(project)[0] == (False, True)


def test_an_identity_without_layers_is_the_id() -> None:
    assert fingerprints.identity(Image("1" * 64)) == "1" * 64


def test_a_signal_that_strikes_before_a_look_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    found = fingerprints.Fingerprint((), {})
    look = LateSnapshot(lambda: found)
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        look.start()
    look.wait()
    assert look.result() is found


def test_an_image_that_is_known_by_its_label_comes_on_record(project: Project) -> None:
    records = Records.load(project.cache)
    records.images.clear()
    records.save()
    assert run(project)[0] == (False, False)
    (kept,) = Records.load(project.cache).images.values()
    image = project.engine.find_image(TAG)
    assert image is not None
    assert (kept.id, kept.mixed) == (image.id, False)
    assert kept.parts


def test_what_was_not_done_again_is_counted_as_saved(project: Project) -> None:
    """The seconds of the build, and of all containers."""
    records = Records.load(project.cache)
    records.images = {k: replace(made, seconds=100.0) for k, made in records.images.items()}
    records.runs = {k: replace(made, seconds=20.0) for k, made in records.runs.items()}
    records.save()
    plan = Plan(project.root, (project.build, project.container), Bundles(project.bundles))
    freshness = PlanFreshness(plan, (("the engine", "honest 1"),), project.cache)
    options = Options()
    assert runner.run(plan, project.engine, options, lambda _: None, freshness).saved == 120.0


def test_the_seconds_of_all_containers_are_on_record(project: Project) -> None:
    (made,) = Records.load(project.cache).runs.values()
    assert made.seconds > 0


def test_the_label_of_another_projects_image_says_nothing(project: Project) -> None:
    records = Records.load(project.cache)
    records.images.clear()
    records.save()
    image = project.engine.find_image(TAG)
    assert image is not None
    label = ImageLabel.of(image.labels)
    assert label is not None
    other = ImageLabel("/elsewhere", label.fingerprint).pair
    project.engine.add(TAG, replace(image, labels=(other,)))
    done, events = run(project, explain=True)
    assert done[0]
    assert reasons(events)[0] == "it was not built yet"


def test_why_builds_and_containers_are_always_done(project: Project) -> None:
    """As `--explain` says it."""
    build, container = project.build, project.container
    command = HostCommand("true", project.root)
    cases: tuple[tuple[tuple[Step, ...], str], ...] = (
        ((replace(build, no_cache=True),), "--no-cache builds every layer anew"),
        (
            (replace(build, pull=PullPolicy.ALWAYS),),
            "--pull asks the registry for newer base images",
        ),
        ((replace(build, tags=()),), "the image has no name to be found by"),
        ((replace(container, always=True),), "it is always run"),
        (
            (replace(container, always=True, origin=Origin("Makefile", target="all")),),
            "the target all is always run",
        ),
        ((container, RemoveVolume(("cache",))), "the recipe removes volumes"),
        (
            (container, command, container),
            "the recipe does something else between its containers",
        ),
        ((container, container), "no earlier run is on record, or what it reads changed meanwhile"),
    )
    for plan, words in cases:
        assert reasons(run(project, *plan, explain=True)[1])[0] == words
    assert reasons(run(project, container, bundles=False, explain=True)[1]) == [
        "it makes no bundles"
    ]


def test_every_output_directory_counts(project: Project) -> None:
    places = [project.root.parent / name for name in ("one", "two")]
    outputs = tuple(BuildOutput("local", (("dest", str(place)),)) for place in places)
    step = replace(project.build, tags=(), outputs=outputs)
    assert run(project, step)[0][0]
    assert not run(project, step)[0][0]
    for place in places:
        (place / "extra").write_text("x")
        done, events = run(project, step, explain=True)
        assert done[0]
        assert reasons(events) == ["what it wrote is not there as it was"]


def test_each_image_has_a_record_of_its_own(project: Project) -> None:
    other = replace(project.build, tags=("other:1", TAG))
    run(project, other)
    records = Records.load(project.cache)
    assert sorted(records.images) == [
        "docker.io/library/other:1",
        f"docker.io/library/{TAG}:latest",
    ]


def test_one_container_that_reads_a_pipe_is_enough(project: Project) -> None:
    reads = replace(project.container, interactive=True)
    plan = Plan(project.root, (project.container, reads), Bundles(project.bundles))
    containers = PlanFreshness(plan, (), project.cache).containers
    assert containers.judge(lambda _: None, piped=True) == Dirty("it reads standard input")
    assert containers.judge(lambda _: None, piped=False) != Dirty("it reads standard input")
