"""What the runner does with what an engine answers: errors that real engines can't be made to give.

The engine here is a fake; what real ones do is in tests/contract and tests/e2e.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from rootless_build.backend.api import (
    LABEL_BASE,
    LABEL_BUILD,
    LABEL_PROJECT,
    Exit,
    Image,
    ImageLabel,
    StoredImage,
    StoredImages,
)
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.images.bases import substitutes
from rootless_build.images.image_records import ImageRecords
from rootless_build.model import references
from rootless_build.model.errors import (
    BundlesError,
    HostError,
    ImageNotFoundError,
    StepFailedError,
    UnsupportedError,
    UsageError,
)
from rootless_build.model.events import (
    BundlesPublished,
    Event,
    Notice,
    OutputLine,
    StepFinished,
    StepReporter,
)
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    HostCommand,
    Origin,
    Plan,
    PullPolicy,
    RunContainer,
    Unexpanded,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.runner import run as runner
from rootless_build.runner.host_commands import Attended
from rootless_build.runner.masking import mask_for
from rootless_build.runner.options import (
    BundleOptions,
    ContainerOptions,
    ExpansionOptions,
    ImageOptions,
    Options,
)
from rootless_build.runner.titles import title
from tests.unit.runner.fake_engine import FakeEngine, names, plan, project, run, write

__all__ = ["project"]


def test_what_the_container_wrote_is_published(project: Path) -> None:
    events = run(plan(project), FakeEngine(work=write("new", "x")))
    assert names(project) == ["new", "old"]
    assert [e.files for e in events if isinstance(e, BundlesPublished)] == [("new",)]


@pytest.mark.parametrize(("force", "saved"), [("", True), ("--force", False)])
def test_caches_save_time_where_the_user_does_not_ask_for_everything_anew(
    project: Path, tmp_path: Path, force: str, saved: bool
) -> None:
    made = plan(project)
    go = Image("1" * 64, environment=(("GOPATH", "/go"),))
    freshness = PlanFreshness(made, (), tmp_path / "cache", force=force)
    freshness.containers.keep_cold_seconds(300.0)
    engine = FakeEngine({"dev": go})
    summary = runner.run(made, engine, Options(), lambda _: None, freshness)
    assert any(isinstance(mount, VolumeMount) for mount in engine.containers[0].mounts)
    assert (summary.saved > 200) is saved


def test_bundles_that_can_not_be_published_are_said_before_anything_is_built(project: Path) -> None:
    made = plan(project)
    (project / "Containerfile").write_text("FROM scratch\n")
    steps = (BuildImage(project, containerfile=project / "Containerfile"), *made.steps)
    shutil.rmtree(project / "bundles")
    (project / "bundles").write_text("a file of the user's")
    engine = FakeEngine()
    with pytest.raises(UsageError, match="is not a directory"):
        run(replace(made, steps=steps), engine)
    assert engine.builds == []


@pytest.mark.parametrize("status", [1, 125, 126, 127, 137, 143])
def test_a_failed_container_leaves_the_old_bundles(project: Path, status: int) -> None:
    engine = FakeEngine(ended=Exit(status), work=write("new", "x"))
    with pytest.raises(StepFailedError) as caught:
        run(plan(project), engine)
    assert caught.value.status == status
    assert names(project) == ["old"]
    assert engine.open_containers == 0


def test_what_a_failed_container_wrote_is_kept_and_what_can_not_be_is_named(
    project: Path, tmp_path: Path
) -> None:
    def work(step: RunContainer) -> None:
        mount = step.mounts[0]
        assert isinstance(mount, BindMount)
        (mount.source / "closed").mkdir()
        (mount.source / "closed/log").write_text("why")
        (mount.source / "closed").chmod(0)
        place = os.open(mount.source, os.O_RDONLY)
        for _ in range(25):
            os.mkdir("d" * 200, dir_fd=place)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = below
        os.close(place)

    failed = tmp_path / "kept"
    events: list[Event] = []
    with pytest.raises(StepFailedError):
        runner.run(
            plan(project),
            FakeEngine(ended=Exit(1), work=work),
            Options(bundles=BundleOptions(failed=failed)),
            events.append,
        )
    said = {event.code: event.text for event in events if isinstance(event, Notice)}
    assert said["kept"] == f"what the container wrote is kept in {failed}: closed/log"
    assert said["not-kept"].endswith("(File name too long)")
    assert (failed / "closed/log").read_text() == "why"


def test_a_run_beside_another_refuses_what_would_take_the_others_files(
    project: Path, tmp_path: Path
) -> None:
    (project / "bundles/x").mkdir()

    def work(step: RunContainer) -> None:
        write("first", "mine")(step)
        mount = step.mounts[0]
        assert isinstance(mount, BindMount)
        (mount.source / "x").rmdir()
        write("x", "mine")(step)
        (project / "bundles/x/new").write_text("theirs")

    failed = tmp_path / "kept"
    options = Options(
        containers=ContainerOptions(own_command=True),
        bundles=BundleOptions(publishing=lambda: nullcontext(False), failed=failed),
    )
    with pytest.raises(BundlesError) as caught:
        runner.run(plan(project), FakeEngine(work=work), options, lambda _: None)
    assert caught.value.problems == ("x: a file of this build, and x/new was made meanwhile",)
    assert names(project) == ["old", "x"]
    assert (project / "bundles/x/new").read_text() == "theirs"
    assert (failed / "x").read_text() == "mine"


def test_bad_bundles_are_not_published(project: Path) -> None:
    with pytest.raises(BundlesError):
        run(plan(project), FakeEngine(work=write("old.md5", "0" * 32 + "  old\n")))
    assert names(project) == ["old"]


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (Exit(3), "make failed with status 3"),
        (Exit(125), "make failed with status 125"),
        (Exit(126), "make failed with status 126: something it calls can't be executed"),
        (Exit(127), "make failed with status 127: it, or something it calls, was not found"),
        (
            Exit(142),
            "make failed with status 142",
        ),
        (
            Exit(137),
            "make failed with status 137: it, or something it calls, was ended by SIGKILL",
        ),
        (
            Exit(143),
            "make failed with status 143: it, or something it calls, was ended by SIGTERM",
        ),
        (Exit(137, out_of_memory=True), "make ran out of memory and was killed (status 137)"),
        (Exit(125, "no such user"), "the engine could not run make"),
        (Exit(126, "permission denied"), "make can't be executed in the image"),
        (Exit(127, "not found"), "make was not found in the image"),
    ],
)
def test_the_end_of_a_container_is_told_in_words(project: Path, ended: Exit, message: str) -> None:
    with pytest.raises(StepFailedError) as caught:
        run(plan(project), FakeEngine(ended=ended))
    assert caught.value.message == message
    assert (caught.value.step, caught.value.status) == (1, ended.status)
    assert caught.value.seconds is not None
    assert caught.value.__notes__ == ["the bundles are as they were"]


@pytest.mark.parametrize(
    ("written", "last"),
    [
        (b"ran\n", "ran"),
        (b"hack/x: line 3: gcc: not found\nmake: *** [all] Error 127\n", "gcc: not found"),
        (b"bash: ./x: Permission denied\nsorry", "bash: ./x: Permission denied"),
    ],
)
def test_what_a_script_missed_is_told_in_its_own_words(
    project: Path, written: bytes, last: str
) -> None:
    engine = FakeEngine(ended=Exit(127), written=written)
    with pytest.raises(StepFailedError) as caught:
        run(plan(project), engine)
    assert caught.value.message.partition("its last words: ")[2].endswith(last)
    assert caught.value.last_words == written.decode().strip()


def test_a_command_is_told_once(project: Path) -> None:
    made = plan(project)
    origin = Origin("Makefile", 7, "")
    long = RunContainer("dev", command=("sh", "-c", "x" * 500), origin=origin)
    with pytest.raises(StepFailedError) as caught:
        run(replace(made, steps=(long,)), FakeEngine(ended=Exit(1)))
    assert len(caught.value.message) < 250
    assert caught.value.where == "step 1 of 1 (Makefile:7)"


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ("mkdir -p bundles", "the bundles are as they were"),
        ("rm -rf bundles/x", "the bundles are as they were before this step"),
    ],
)
def test_what_became_of_the_bundles_is_not_said_for_sure_after_commands_of_the_host(
    project: Path, before: str, kept: str
) -> None:
    made = plan(project)
    steps = (HostCommand(before, project), *made.steps)
    with pytest.raises(StepFailedError) as caught:
        run(replace(made, steps=steps), FakeEngine(ended=Exit(1)))
    assert caught.value.__notes__ == [kept]


@pytest.mark.parametrize("called_docker", [True, False])
def test_a_container_is_of_the_image_that_a_script_has_given_its_name_to(
    project: Path, *, called_docker: bool
) -> None:
    made, other = plan(project), Image("3" * 64)
    (project / "Containerfile").write_text("FROM scratch\n")
    build = BuildImage(project, containerfile=project / "Containerfile", tags=("dev",))
    steps = (build, HostCommand("./script", project), *made.steps)
    engine = FakeEngine()

    def attend(step: HostCommand, reporter: StepReporter) -> Attended:
        engine.images["dev"] = other
        return Attended(0, called_docker=called_docker)

    runner.run(replace(made, steps=steps), engine, Options(attend=attend), lambda _: None)
    assert engine.used == [other if called_docker else Image("2" * 64)]


def container(made: Plan) -> RunContainer:
    """The plan's only step."""
    (step,) = made.steps
    assert isinstance(step, RunContainer)
    return step


def test_of_a_container_that_works_on_the_bundles_themselves_nothing_is_promised(
    project: Path,
) -> None:
    made = plan(project)
    origin = Origin("Makefile", 1, "", "shell")
    shell = replace(container(made), origin=origin, command=("bash",))
    with pytest.raises(StepFailedError) as caught:
        run(replace(made, steps=(shell,)), FakeEngine(ended=Exit(1)))
    assert not hasattr(caught.value, "__notes__")


def test_an_interrupted_container_is_removed_and_leaves_the_old_bundles(project: Path) -> None:
    def interrupt(step: RunContainer) -> None:
        write("new", "x")(step)
        raise KeyboardInterrupt

    engine = FakeEngine(work=interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(plan(project), engine)
    assert names(project) == ["old"]
    assert engine.open_containers == 0
    assert [path.name for path in project.iterdir() if "rbuild" in path.name] == []


def test_who_interrupts_after_the_bundles_are_published_is_told_that_they_are(
    project: Path,
) -> None:
    engine = FakeEngine(work=write("new", "new"), interrupted_at_end=True)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(plan(project), engine)
    assert names(project) == ["new", "old"]
    assert caught.value.__notes__ == ["the new bundles are published"]


@pytest.mark.parametrize("target", ["dev", "shell", "binary"])
def test_a_target_called_after_a_shell_that_runs_a_script_is_staged(
    project: Path, target: str
) -> None:
    made = plan(project)
    step = replace(
        container(made),
        origin=Origin("Makefile", 1, "", target),
        command=("sh", "-c", "hack/make.sh binary"),
    )
    failing = FakeEngine(work=write("half", "x"), ended=Exit(1))
    with pytest.raises(StepFailedError) as caught:
        run(replace(made, steps=(step,)), failing)
    assert names(project) == ["old"]
    assert caught.value.__notes__ == ["the bundles are as they were"]


def test_what_the_engine_cannot_do_is_said_before_the_image_is_built(project: Path) -> None:
    made = plan(project)
    build = BuildImage(project, tags=("dev",))
    engine = FakeEngine()

    def refuse(step: RunContainer) -> None:
        raise UnsupportedError("it can't do --privileged")

    with pytest.raises(UnsupportedError) as caught:
        runner.run(
            replace(made, steps=(build, *made.steps)),
            engine,
            Options(containers=ContainerOptions(check=refuse)),
            lambda _: None,
        )
    assert engine.builds == []
    assert caught.value.step == 2
    assert caught.value.where == "step 2 of 2: run make"


def test_what_was_built_from_a_stand_in_is_none() -> None:
    base = (LABEL_BASE, "docker.io/library/debian:bookworm")
    assert substitutes.stands_in(Image("1" * 64, labels=(base,)))
    built = ImageLabel("/project").pair
    assert not substitutes.stands_in(Image("1" * 64, labels=(base, built)))
    assert not substitutes.stands_in(Image("1" * 64))
    assert not substitutes.stands_in(None)


def test_a_container_that_stays_is_told_and_the_bundles_are_published(project: Path) -> None:
    engine = FakeEngine(work=write("new", "new"), keeps_containers=True)
    events: list[Event] = []
    summary = runner.run(plan(project), engine, Options(), events.append)
    assert summary.container_left
    assert names(project) == ["new", "old"]
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.text == "the container was not removed, and it stays for now: no space left"
    assert isinstance(events[-1], StepFinished)
    assert events[-1].status == 0


def test_a_privileged_container_with_power_over_the_host_is_refused(project: Path) -> None:
    engine = FakeEngine(rootless=False)
    with pytest.raises(HostError) as caught:
        run(plan(project, privileged=True), engine)
    assert caught.value.finding == "rootful-privileged"
    assert engine.containers == []
    run(plan(project, privileged=True), engine, rootful=True)
    assert len(engine.containers) == 1


def test_bundles_of_another_host_are_copied_out(project: Path) -> None:
    engine = FakeEngine(remote=True, inside=project)
    run(plan(project), engine)
    assert engine.containers[0].mounts == ()
    assert (project / "bundles/from-the-container").read_text() == "/bundles"


def test_containers_carry_the_project_and_the_build(project: Path) -> None:
    engine = FakeEngine()
    run(plan(project), engine)
    labels = dict(engine.containers[0].labels)
    assert labels[LABEL_PROJECT] == str(project)
    assert labels[LABEL_BUILD]


def build(project: Path) -> Plan:
    step = BuildImage(project, containerfile=project / "Containerfile", tags=("dev",))
    return Plan(project, (step,))


def test_a_base_image_that_is_nowhere_says_how_to_make_it(project: Path) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        run(build(project), FakeEngine())
    assert "rbuild base debian:bookworm" in caught.value.hint
    assert caught.value.engine_words == "dial tcp"


def test_a_stand_in_is_used_and_announced(project: Path) -> None:
    engine = FakeEngine()
    base = (LABEL_BASE, "docker.io/library/debian:bookworm")
    engine.images["localhost/debian:bookworm"] = Image("3" * 64, labels=(base,))
    events = run(build(project), engine)
    assert engine.builds[0].substitutes == (("debian:bookworm", "localhost/debian:bookworm"),)
    assert any(isinstance(e, Notice) and e.code == "base-substituted" for e in events)


def test_what_an_engine_alone_built_from_a_stand_in_is_not_called_one(project: Path) -> None:
    engine = FakeEngine()
    base = (LABEL_BASE, "docker.io/library/debian:bookworm")
    engine.images["localhost/tool:latest"] = made = Image("3" * 64, labels=(base,))
    events = run(Plan(project, (RunContainer("tool", command=("true",)),)), engine)
    assert engine.used == [made]
    assert not any(isinstance(e, Notice) and e.code == "base-substituted" for e in events)


def test_a_stand_in_that_a_killed_build_left_under_the_others_name_is_not_used(
    project: Path,
) -> None:
    engine = FakeEngine()
    base = (LABEL_BASE, "docker.io/library/debian:bookworm")
    engine.images["docker.io/library/debian:bookworm"] = Image("2" * 64, labels=(base,))
    engine.images["localhost/debian:bookworm"] = Image("3" * 64, labels=(base,))
    run(build(project), engine)
    assert engine.builds[0].substitutes == (("debian:bookworm", "localhost/debian:bookworm"),)


def test_a_container_too_is_made_of_the_stand_in_that_is_newest(project: Path) -> None:
    engine = FakeEngine()
    base = (LABEL_BASE, "docker.io/library/debian:bookworm")
    left, newest = Image("2" * 64, labels=(base,)), Image("3" * 64, labels=(base,))
    for name in ("debian:bookworm", "docker.io/library/debian:bookworm"):
        engine.images[name] = left
    engine.images["localhost/debian:bookworm"] = newest
    run(Plan(project, (RunContainer("debian:bookworm", command=("true",)),)), engine)
    assert engine.used == [newest]


def test_after_a_command_of_the_host_images_are_looked_for_again(project: Path) -> None:
    engine = FakeEngine()
    command = HostCommand("true", project, (("PATH", os.environ["PATH"]),))
    made = Plan(project, (command, RunContainer("dev", command=("true",))))
    options = Options(images=ImageOptions(known=lambda: {"dev": Image("9" * 64)}))
    runner.run(made, engine, options, lambda _: None)
    assert engine.used == [engine.images["dev"]]


def test_an_image_that_was_built_here_is_a_base_by_its_short_name(project: Path) -> None:
    """podman keeps `docker build -t debian:bookworm` below localhost; docker finds it as its own:
    no registry is asked, and nothing is announced.
    """
    engine = FakeEngine()
    engine.images["localhost/debian:bookworm"] = Image("3" * 64)
    events = run(build(project), engine)
    assert engine.builds[0].substitutes == (("debian:bookworm", "localhost/debian:bookworm"),)
    assert not any(isinstance(event, Notice) for event in events)


def test_an_image_that_was_built_here_stays_the_base_where_no_registry_has_one(
    project: Path,
) -> None:
    engine = FakeEngine()
    engine.images["localhost/debian:bookworm"] = Image("3" * 64)
    file = project / "Containerfile"
    step = BuildImage(project, containerfile=file, tags=("dev",), pull=PullPolicy.ALWAYS)
    events = run(Plan(project, (step,)), engine)
    assert engine.builds[0].substitutes == (("debian:bookworm", "localhost/debian:bookworm"),)
    assert any(isinstance(event, Notice) and event.code == "not-pulled" for event in events)


def host(project: Path, script: str, *, ignore_errors: bool = False) -> Plan:
    environment = (("PATH", os.environ["PATH"]), ("GIVEN", "a b"))
    return Plan(project, (HostCommand(script, project, environment, ignore_errors),))


def test_a_host_command_has_the_recipes_environment_and_no_other(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "x")
    events = run(host(project, 'echo "$GIVEN ${MINE-none}"; pwd'), FakeEngine())
    lines = [event.data for event in events if isinstance(event, OutputLine)]
    assert lines == [b"a b none\n", f"{project}\n".encode()]


def test_a_failed_host_command_ends_the_run_unless_make_would_go_on(project: Path) -> None:
    with pytest.raises(StepFailedError, match="exit 3 failed with status 3"):
        run(host(project, "exit 3"), FakeEngine())
    run(host(project, "exit 3", ignore_errors=True), FakeEngine())


def test_a_title_joins_what_the_next_line_goes_on_with() -> None:
    script = "curl -sfL x \\\n\t| sed -e 's/a/\\\\\n/' \\\n\t| sh\necho"
    joined = "curl -sfL x | sed -e 's/a/\\\\\n/' | sh\necho"
    assert title(HostCommand(script, Path("/p"))) == joined


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"target": "stage", "bake": "app"}, "build image app"),
        ({"tags": ("made/app:1",), "bake": "app"}, "build app, image made/app:1"),
        ({"tags": (f"{references.OWN}bake/app:0123",), "bake": "app"}, "build image app"),
        ({"target": "stage", "outputs": ("/o",), "bake": "app"}, "build app into /o"),
        ({"target": "stage", "outputs": ("/o",)}, "build stage into /o"),
        ({"tags": ("made:1",)}, "build image made:1"),
        ({"platforms": ("linux/386",), "bake": "app"}, "build image app for linux/386"),
    ],
)
def test_builds_of_a_bake_file_have_its_targets_names(fields: dict[str, Any], text: str) -> None:
    named = Origin("docker-bake.hcl", 1, "", fields.pop("bake", ""), names_build=True)
    places = fields.pop("outputs", ())
    written = tuple(BuildOutput("local", (("dest", place),)) for place in places)
    origin = named if named.target else Origin("Makefile", 2, "", "all")
    assert title(BuildImage(Path("/p"), outputs=written, origin=origin, **fields)) == text


def test_a_secret_that_a_step_before_has_written_is_shown_nowhere(project: Path) -> None:
    """A makefile's `echo … > key; docker build --secret id=k,src=key .`"""
    (project / "Containerfile").write_text("FROM scratch\n")
    write_key = HostCommand("echo s3cr3t-token > key", project)
    build = BuildImage(
        project,
        containerfile=project / "Containerfile",
        secrets=(f"id=k,src={project}/key",),
    )
    tell = HostCommand("cat key; cat key >&2; exit 1", project)
    made = Plan(project, (write_key, build, tell))
    events: list[Event] = []
    options = Options(mask=mask_for(made))
    with pytest.raises(StepFailedError) as caught:
        runner.run(made, FakeEngine(), options, events.append)
    assert [event.data for event in events if isinstance(event, OutputLine)] == [b"***\n"] * 2
    assert "s3cr3t" not in f"{vars(caught.value)} {caught.value}"


@pytest.mark.parametrize("number", [9, *range(34, 65)])
def test_a_host_command_that_a_signal_ended_says_which(project: Path, number: int) -> None:
    step = HostCommand(f"kill -{number} $$", project)
    with pytest.raises(StepFailedError) as caught:
        runner.run(Plan(project, (step,)), None, Options(), lambda _: None)
    names = {9: "SIGKILL", 34: "SIGRTMIN", 64: "SIGRTMAX"}
    assert f"was ended by {names.get(number, f'signal {number}')}, on" in caught.value.message
    assert caught.value.status == number


class Rebuilding(FakeEngine):
    """Each build makes another image, and they stay until they are removed."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, StoredImage] = {}

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        made = Image(str(len(self.builds)) * 64)
        self.builds.append(step)
        self.stored[made.id] = StoredImage(made.id)
        return made

    def image_ids(self) -> frozenset[str]:
        return frozenset(self.stored)

    def stored_images(self) -> StoredImages:
        return StoredImages(tuple(self.stored.values()))

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        for image in images:
            del self.stored[image.id]
        return {}


@pytest.fixture
def rebuilt(project: Path) -> Plan:
    """`docker build`, then a line that is known when its turn comes."""
    (project / "Containerfile").write_text("FROM scratch\n")
    build = BuildImage(project, containerfile=project / "Containerfile", tags=("dev",))
    return Plan(project, (build, Unexpanded("docker run", "", "docker", " run", project)))


def run_expanding(plan: Plan, engine: FakeEngine, images: Path, expand: Callable[[], Plan]) -> None:
    """Run the plan, with a record of images; `expand` says what its last line comes to."""
    options = Options(
        images=ImageOptions(records=lambda: ImageRecords(images, "fake")),
        expansion=ExpansionOptions(lambda *_: expand()),
    )
    runner.run(plan, engine, options, lambda _: None)


def test_what_was_superseded_goes_when_the_last_line_comes_to_nothing(
    rebuilt: Plan, tmp_path: Path
) -> None:
    engine = Rebuilding()
    done = Plan(rebuilt.project, rebuilt.steps[:1])
    for made in ("0", "1"):
        run_expanding(rebuilt, engine, tmp_path / "images", lambda: done)
        assert engine.stored.keys() == {made * 64}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StepFailedError("make failed", status=2)])
def test_what_was_superseded_goes_when_a_later_line_is_not_expanded(
    rebuilt: Plan, tmp_path: Path, error: BaseException
) -> None:
    def fail() -> Plan:
        raise error

    engine = Rebuilding()
    for made in ("0", "1"):
        with pytest.raises(type(error)):
            run_expanding(rebuilt, engine, tmp_path / "images", fail)
        assert engine.stored.keys() == {made * 64}
