"""A recipe's lines while its plan is made, not carried out: nothing of them is executed, and no
value that a line before them changes is built in.

The authority is `make -n`, which runs none of these either.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.backend.api import Exit, Image
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.model import plan as plans
from rootless_build.model.errors import HostError, RecipeError, StepFailedError, UsageError
from rootless_build.model.events import Event, OutputLine, StepReporter
from rootless_build.model.overrides import Overrides, apply
from rootless_build.model.plan import BindMount, BuildImage, PullPolicy, RunContainer, Unexpanded
from rootless_build.model.structs import replace
from rootless_build.recipes.config import Config
from rootless_build.runner import run
from rootless_build.runner.masking import mask_for
from rootless_build.runner.options import ExpansionOptions, Options, PrivilegeOptions
from rootless_build.runner.provenance import portable
from tests.unit.recipes.make.make_project import PATH, MakeProject
from tests.unit.runner.fake_engine import FakeEngine

TOUCH = "touch $(CURDIR)/ran"
LINES = [
    'docker build --build-arg V="$$({})" .',
    "docker build --build-arg V=`{}` .",
    "docker build $$({} >&2; echo .)",
    "docker build $$(id -u; {}) .",
    "docker build $$(id -u && {}) .",
    "docker build $$(id -u | {}) .",
    "docker build $$(id $$({})) .",
    "docker build $${{V:-$$({})}} .",
    "docker build $${{V:=$$({})}} .",
    "docker build $${{HOME:+$$({})}} .",
    "docker build $${{HOME%%$$({})}} .",
    "docker build $${{HOME/$$({})/b}} .",
    "docker build $$((1 + $$({}; echo 1))) .",
    "docker build $$(({}; echo 1)) .",
    "docker build $$(sh -c '{}') .",
    "docker build $$(eval '{}') .",
    "docker build $$(exec {}) .",
    "docker build $$(env {}) .",
    "docker build $$(command {}) .",
    "docker build $$(if true; then {}; fi) .",
    "docker build $$(while {}; do break; done) .",
    "docker build $$(x=$$({}); echo $$x) .",
    "docker build $$(f() {{ {}; }}; f) .",
    "docker build $$(date; {}) .",
    "docker build $$(git -c alias.x='!{}' x) .",
    "docker build $$(git -c core.fsmonitor='{}' status) .",
    "docker build $$(git describe --dirty; {}) .",
    "docker build $$(printf '%s' \"$$({})\") .",
    "docker build $$(echo `{}`) .",
    'docker build "`echo "$$({})"`" .',
    "docker build $$(cat < $$({}; echo /dev/null)) .",
    "docker build $$(id > $$({}; echo /dev/null)) .",
    "docker build <({}) .",
    "docker build . > $$({}; echo /dev/null)",
    "docker build . 2> /dev/null $$({})",
    "V=$$({}) docker build .",
    "V=`{}` W=$$(id) docker build .",
    "cd $$({}; echo .) && docker build .",
    "docker $$({}; echo build) .",
    "$$({}; echo docker) build .",
    "docker run i $$({}) && docker build .",
    "docker build . && {} && docker build $$(id)",
    "docker build . || {}",
    'docker build - <<< "$$({})"',
    "{} && docker build .",
    "{}",
]


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return MakeProject(tmp_path)


@pytest.mark.parametrize("line", LINES)
def test_nothing_of_a_line_is_executed_while_it_is_planned(project: MakeProject, line: str) -> None:
    project.write(f"all:\n    {line.format(TOUCH)}\n")
    with contextlib.suppress(RecipeError):
        plans.to_json(project.plan())
    assert not (project.directory / "ran").exists()


@pytest.mark.parametrize(
    "program", ["id", "pwd", "uname", "echo", "basename", "tr", "printf", "which", "git", "date"]
)
def test_a_program_of_the_project_is_not_executed_under_a_usual_name(
    project: MakeProject, program: str
) -> None:
    own = project.directory / "bin" / program
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n" + TOUCH.replace("$(CURDIR)", str(project.directory)) + "\n")
    own.chmod(0o755)
    project.write(
        "export PATH := $(CURDIR)/bin:$(PATH)\n"
        f"all:\n    docker build $$({program} a) .\n    cd . && docker build `{program} a` .\n"
    )
    plans.to_json(project.plan())
    built_in = program in {"pwd", "echo", "printf"}
    assert built_in or not (project.directory / "ran").exists()


@pytest.mark.parametrize("words", [("plan",), ("plan", "--format", "json"), ("--dry-run",)])
def test_nor_by_the_commands_that_only_look(project: MakeProject, words: tuple[str, ...]) -> None:
    lines = "".join(f"    {line.format(TOUCH)}\n" for line in LINES[:8])
    project.write(f"all:\n{lines}")
    assert shown(project, *words).count("touch ") >= 8
    assert not (project.directory / "ran").exists()


@pytest.mark.parametrize(
    ("backend", "says"), [("podman", True), ("buildah", True), ("docker", False)]
)
def test_a_plan_says_that_such_a_line_calls_docker(
    project: MakeProject, backend: str, *, says: bool
) -> None:
    """Who pastes it, or keeps the plan as a script, may have no docker."""
    project.write("all:\n    docker build $$(cat ver) .\n")
    said = shown(project, "--backend", backend, "plan")
    assert "docker build $(cat ver) ." in said
    assert ("it calls docker" in said) is says


def shown(project: MakeProject, *words: str) -> str:
    environment = {**os.environ, "PATH": PATH, "XDG_CACHE_HOME": str(project.directory / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", *words],
        cwd=project.directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("echo new > ver", '--build-arg V="$$(cat ver)" .'),
        ("echo new > ver", "--build-arg V=`cat ver` ."),
        ("echo new > ver", "--build-arg V=$$(tail -n 1 ver) ."),
        ("echo new > ver", "--build-arg V=$$(tr a b < ver) ."),
        ("ln -sfn new link", "--build-arg V=$$(readlink link) ."),
        ("ln -sfn new link", "--build-arg V=$$(realpath link) ."),
        ("mv old.txt new.txt", "--build-arg V=1 *.txt"),
        ("./any", "--build-arg V=$$(git symbolic-ref HEAD) ."),
        ("docker run -v .:/x i", '--build-arg V="$$(cat ver)" .'),
        ("docker build -o . .", '--build-arg V="$$(cat ver)" .'),
        ("docker build --iidfile ver .", '--build-arg V="$$(cat ver)" .'),
    ],
)
def test_no_old_value_is_planned(project: MakeProject, first: str, words: str) -> None:
    directory = project.directory
    (directory / "ver").write_text("old\n")
    (directory / "link").symlink_to("old")
    (directory / "old.txt").touch()
    subprocess.run(["git", "init", "-q", "-b", "old", str(directory)], check=True)
    project.write(f"all:\n    {first}\n    docker build -t x {words}\n")
    plan = project.plan()
    last = plan.steps[-1]
    assert isinstance(last, Unexpanded)
    shown = json.dumps(plans.to_dict(last)).replace(first, "").replace(str(directory), "")
    assert "old" not in shown


# --- what a line turns out to be goes through the same checks as what was planned -----------------


def done(
    project: MakeProject, engine: FakeEngine, overrides: Overrides, options: Options
) -> list[Event]:
    """The Makefile's plan, done on a made-up engine as the command line does it."""
    planned = GrowingRecipe(Config(), project.plan(), lambda plan: apply(plan, overrides))
    assert any(isinstance(step, Unexpanded) for step in planned.plan.steps)
    events: list[Event] = []
    expansion = ExpansionOptions(planned.expand)
    options = replace(options, expansion=expansion, mask=mask_for(planned.plan))
    engine.images["i"] = Image("1" * 64)
    run.run(planned.plan, engine, options, events.append)
    return events


POWER = [
    "--privileged",
    "--cap-add SYS_ADMIN",
    "--pid host",
    "--pid=host",
    "--ipc host",
    "--device /dev/null",
    "-v /:/host",
    "-v /etc:/host:ro",
    "--mount type=bind,source=/,target=/host",
    "-v /var/run/docker.sock:/var/run/docker.sock",
    "--security-opt seccomp=unconfined",
    "--network host",
    "--uts host",
    "--userns host",
    "--sysctl kernel.core_pattern=|/x",
]


@pytest.mark.parametrize("words", POWER)
def test_power_that_is_in_expanded_words_is_refused(project: MakeProject, words: str) -> None:
    (project.directory / "words").write_text(f"{words}\n")
    project.write("all:\n    docker run $$(cat words) i\n")
    engine = FakeEngine(rootless=False)
    with pytest.raises(HostError) as caught:
        done(project, engine, Overrides(), Options())
    assert caught.value.finding == "rootful-privileged"
    assert (caught.value.step, engine.containers) == (1, [])
    done(project, engine, Overrides(), Options(privileges=PrivilegeOptions(rootful=True)))
    assert len(engine.containers) == 1


def test_a_refusal_after_a_build_says_what_became_of_the_bundles(project: MakeProject) -> None:
    (project.directory / "words").write_text("--privileged\n")
    lines = ("docker build -t i .", "docker run -v ./bundles:/b $$(cat words) i")
    project.write(f"all:\n    {lines[0]}\n    {lines[1]}\n")
    engine = FakeEngine(rootless=False)
    with pytest.raises(HostError) as caught:
        done(project, engine, Overrides(), Options())
    assert (caught.value.step, len(engine.builds), engine.containers) == (2, 1, [])
    assert caught.value.__notes__ == ["the bundles are as they were"]


def test_privileges_are_taken_from_what_is_expanded(project: MakeProject) -> None:
    (project.directory / "words").write_text("--privileged\n")
    project.write("all:\n    docker run $$(cat words) i\n")
    engine = FakeEngine()
    unprivileged = Overrides(unprivileged=True)
    done(project, engine, unprivileged, Options(privileges=PrivilegeOptions(unprivileged=True)))
    assert [step.privileged for step in engine.containers] == [False]
    (project.directory / "words").write_text("--cap-add ALL\n")
    with pytest.raises(HostError, match="--unprivileged"):
        done(project, engine, unprivileged, Options(privileges=PrivilegeOptions(unprivileged=True)))


def test_options_hold_for_what_is_expanded(project: MakeProject) -> None:
    (project.directory / "words").write_text("--build-arg A=1\n")
    project.write("all:\n    docker build $$(cat words) -t i .\n    docker run `echo -e A=1` i\n")
    engine = FakeEngine()
    overrides = Overrides(
        network="none",
        pull=PullPolicy.NEVER,
        build_args=(("B", "2"),),
        environment=(("C", "3"),),
        secret_environment=(("TOKEN", "a-secret-value"),),
    )
    done(project, engine, overrides, Options())
    (build,), (container,) = engine.builds, engine.containers
    assert (build.network, build.pull, container.network) == ("none", PullPolicy.NEVER, "none")
    assert build.build_args == (("A", "1"), ("B", "2"))
    assert dict(container.environment) == {"A": "1", "C": "3", "TOKEN": "a-secret-value"}
    assert container.secret_environment == ("TOKEN",)


@pytest.mark.parametrize(
    ("overrides", "makefile"),
    [
        (Overrides(environment=(("A", "1"),)), "docker build $$(cat words) ."),
        (Overrides(build_args=(("A", "1"),)), "docker run $$(cat words) i"),
        (Overrides(containerfile=Path("/x")), "docker $$(cat run) i"),
        (Overrides(image="x"), "docker $$(cat build) ."),
    ],
)
def test_an_option_that_turns_out_to_be_for_nothing_is_refused(
    project: MakeProject, overrides: Overrides, makefile: str
) -> None:
    for name, text in (("words", ""), ("run", "run"), ("build", "build")):
        (project.directory / name).write_text(text)
    project.write(f"all:\n    {makefile}\n")
    engine = FakeEngine()
    with pytest.raises(UsageError):
        done(project, engine, overrides, Options())
    assert engine.builds + engine.containers == []


def test_secrets_of_what_is_expanded_are_masked(project: MakeProject) -> None:
    (project.directory / "token").write_text("a-secret-value\n")
    project.write("all:\n    docker build --secret id=t,src=token -t i $$(echo .)$$(cat none)\n")
    (project.directory / "none").touch()

    class Telling(FakeEngine):
        def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
            reporter.output(b"the token is a-secret-value\n")
            return super().build_image(step, reporter)

    events = done(project, Telling(), Overrides(), Options())
    said = [event.data for event in events if isinstance(event, OutputLine)]
    assert any(line.startswith(b"the token is ") for line in said)
    assert not any(b"a-secret-value" in line for line in said)


def test_bundles_of_what_is_expanded_are_staged(project: MakeProject) -> None:
    bundles = project.directory / "bundles"
    bundles.mkdir()
    (bundles / "old").write_text("old")
    (project.directory / "words").write_text("-v ./bundles:/b\n")
    project.write("all:\n    docker run $$(cat words) i\n")

    def work(step: RunContainer) -> None:
        (mount,) = step.mounts
        assert isinstance(mount, BindMount)
        assert mount.source != bundles
        (mount.source / "new").write_text("new")

    engine = FakeEngine(work=work, ended=Exit(1))
    with pytest.raises(StepFailedError):
        done(project, engine, Overrides(), Options())
    assert [path.name for path in bundles.iterdir()] == ["old"]
    done(project, FakeEngine(work=work), Overrides(), Options())
    assert sorted(path.name for path in bundles.iterdir()) == ["new", "old"]


@pytest.mark.parametrize(
    "call",
    ["docker images -q x", "docker build -q .", "docker run i", "docker volume rm x"],
)
def test_docker_in_dockers_words_is_not_answered(project: MakeProject, call: str) -> None:
    """A script that calls docker is seen when its turn comes, docker itself before."""
    project.write(f"all:\n    docker build -t $$({call}) .\n")
    with pytest.raises(RecipeError, match="takes the output of docker"):
        project.plan()
    (project.directory / "script").write_text(f"#!/bin/sh\n{call} || echo other\n")
    (project.directory / "script").chmod(0o755)
    project.write("all:\n    docker build -t $$(./script) .\n")
    engine = FakeEngine()
    with pytest.raises(RecipeError, match="to which rbuild has no answer"):
        done(project, engine, Overrides(), Options())
    assert engine.builds == []


def test_an_environment_is_in_no_provenance(project: MakeProject) -> None:
    project.write("export TOKEN = a-secret-value\nall:\n    docker build -t $$(id; cat x) .\n")
    plan = project.plan()
    assert "a-secret-value" in plans.to_json(plan)
    assert "a-secret-value" not in json.dumps(portable(plan))


# --- the id of an image, in a file ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("out", "private"),
        ("out/iid", "private/iid"),
        ("out/iid", "private/new"),
        ("out/iid", "/dev/null"),
    ],
)
def test_an_id_is_written_through_no_link(tmp_path: Path, link: str, leads: str) -> None:
    """A container, or an output, can have left one in the project."""
    directory, private = tmp_path / "project", tmp_path / "private"
    directory.mkdir()
    private.mkdir()
    (private / "iid").write_text("mine")
    (directory / "Dockerfile").write_text("FROM scratch\n")
    place = directory / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tmp_path / leads)
    project = MakeProject(directory).write("all:\n    docker build --iidfile out/iid .\n")
    with contextlib.suppress(StepFailedError):
        # As root all of it is refused before, unless it is meant.
        run.run(
            project.plan(),
            FakeEngine(),
            Options(privileges=PrivilegeOptions(rootful=True)),
            lambda _: None,
        )
    assert [path.name for path in private.iterdir()] == ["iid"]
    assert (private / "iid").read_text() == "mine"
    if link == "out/iid":
        assert place.read_text() == f"sha256:{'2' * 64}"
        assert not place.is_symlink()
