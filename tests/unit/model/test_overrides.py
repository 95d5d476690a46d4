"""What the command line changes in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import UsageError
from rootless_build.model.overrides import Overrides, apply, make_container, where_possible
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    HostCommand,
    Plan,
    PullPolicy,
    RunContainer,
    Step,
    TagImage,
)
from rootless_build.model.structs import replace

SOURCE = Path("/src")
BUNDLES = SOURCE / "bundles"
BUILD = BuildImage(SOURCE, tags=("dev",), build_args=(("A", "1"),))
RUN = RunContainer(
    "dev",
    command=("hack/make.sh", "binary"),
    environment=(("E", "1"),),
    mounts=(BindMount(BUNDLES, "/go/bundles"),),
)
TAG = TagImage("dev", "other")
PLAN = Plan(SOURCE, (HostCommand("mkdir bundles", SOURCE), BUILD, RUN), Bundles(BUNDLES))


def steps(overrides: Overrides) -> tuple[BuildImage, RunContainer]:
    _, build, run = apply(PLAN, overrides).steps
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    return build, run


def test_nothing_given_changes_nothing() -> None:
    assert apply(PLAN, Overrides()) == PLAN


def test_the_build_takes_what_is_for_builds() -> None:
    build, run = steps(
        Overrides(
            containerfile=Path("/x/Containerfile"),
            pull=PullPolicy.NEVER,
            no_cache=True,
            build_args=(("B", "2"),),
        )
    )
    assert build.containerfile == Path("/x/Containerfile")
    assert (build.pull, build.no_cache) == (PullPolicy.NEVER, True)
    assert build.build_args == (("A", "1"), ("B", "2"))
    assert run == RUN


def test_the_network_is_for_both() -> None:
    build, run = steps(Overrides(network="host"))
    assert (build.network, run.network) == ("host", "host")


def test_environment_comes_after_the_recipes_own() -> None:
    _, run = steps(Overrides(environment=(("E", "2"),)))
    assert run.environment == (("E", "1"), ("E", "2"))


def test_another_image_skips_the_build() -> None:
    plan = apply(PLAN, Overrides(image="localhost/other"))
    assert [step.kind for step in plan.steps] == ["host-command", "run-container"]
    run = plan.steps[1]
    assert isinstance(run, RunContainer)
    assert run.image == "localhost/other"


def test_another_bundles_directory_is_mounted_instead() -> None:
    plan = apply(PLAN, Overrides(bundles_directory=Path("/out")))
    run = plan.steps[2]
    assert isinstance(run, RunContainer)
    assert run.mounts == (BindMount(Path("/out"), "/go/bundles"),)
    assert plan.bundles == Bundles(Path("/out"))


@pytest.mark.parametrize(
    ("plan", "overrides"),
    [
        (Plan(SOURCE, (RUN,)), Overrides(containerfile=Path("/x"))),
        (Plan(SOURCE, (RUN,)), Overrides(build_args=(("A", "1"),))),
        (Plan(SOURCE, (BUILD,)), Overrides(environment=(("A", "1"),))),
        (Plan(SOURCE, (BUILD,)), Overrides(image="x")),
        (Plan(SOURCE, (BUILD,)), Overrides(bundles_directory=Path("/x"))),
    ],
)
def test_an_option_without_effect_is_refused(plan: Plan, overrides: Overrides) -> None:
    with pytest.raises(UsageError, match=r"planned|no bundles"):
        apply(plan, overrides)


def test_a_command_runs_in_the_make_container() -> None:
    plan = make_container(PLAN, ("go", "version"))
    assert [step.kind for step in plan.steps] == ["host-command", "build-image", "run-container"]
    run = plan.steps[2]
    assert isinstance(run, RunContainer)
    assert run.command == ("go", "version")
    assert run.environment == RUN.environment


def test_without_a_container_there_is_nothing_to_run_in() -> None:
    with pytest.raises(UsageError, match="runs no container"):
        make_container(Plan(SOURCE, (BUILD,)), ("true",))


def containerfiles(plan: Plan, overrides: Overrides) -> list[str]:
    """The containerfile that each image of the changed plan is built from."""
    steps = apply(plan, overrides).steps
    return [str(step.containerfile) for step in steps if isinstance(step, BuildImage)]


DOCS = BuildImage(SOURCE, Path("/src/docs/Dockerfile"), tags=("docs:1",))
TOOLS = BuildImage(SOURCE / "tools", tags=("tools",), target="all")
SEVERAL = Plan(SOURCE, (TOOLS, BUILD, DOCS, RUN))
FILE = Path("/x/Containerfile")


def test_a_containerfile_is_for_the_image_of_the_make_container() -> None:
    changed = apply(SEVERAL, Overrides(containerfile=FILE))
    assert containerfiles(SEVERAL, Overrides(containerfile=FILE)) == [
        "None",
        "/x/Containerfile",
        "/src/docs/Dockerfile",
    ]
    assert changed.notes == ("/x/Containerfile is for dev, not for docs:1, tools (-f IMAGE=FILE)",)
    assert apply(PLAN, Overrides(containerfile=FILE)).notes == ()


@pytest.mark.parametrize("image", ["dev", "docker.io/library/dev:latest"])
def test_the_make_container_is_the_last_and_its_image_may_be_written_in_full(image: str) -> None:
    first, last = RunContainer("tools"), RunContainer(image)
    plan = Plan(SOURCE, (TOOLS, first, BUILD, last))
    assert containerfiles(plan, Overrides(containerfile=FILE)) == ["None", "/x/Containerfile"]


def test_without_a_container_the_one_containerfile_is_meant() -> None:
    binary, all_ = (BuildImage(SOURCE, target=name) for name in ("binary", "all"))
    plan = Plan(SOURCE, (binary, all_))
    assert containerfiles(plan, Overrides(containerfile=FILE)) == ["/x/Containerfile"] * 2
    with pytest.raises(UsageError) as caught:
        apply(Plan(SOURCE, (binary, DOCS)), Overrides(containerfile=FILE))
    assert "-f binary=/x/Containerfile, or -f docs:1=/x/Containerfile" in caught.value.hint


def test_a_default_for_all_plans_is_left_out_where_it_is_not_clear_which_image_it_is_for() -> None:
    unclear = Plan(SOURCE, (BUILD, DOCS))
    assert where_possible(unclear, Overrides(containerfile=FILE)).containerfile is None
    assert where_possible(PLAN, Overrides(containerfile=FILE)).containerfile == FILE


@pytest.mark.parametrize(
    ("name", "changed"),
    [("docs:1", 2), ("docs", 2), ("docker.io/library/docs:1", 2), ("tools", 0), ("all", 0)],
)
def test_a_containerfile_for_a_named_image(name: str, changed: int) -> None:
    before = containerfiles(SEVERAL, Overrides())
    after = containerfiles(SEVERAL, Overrides(containerfiles=((name, FILE),)))
    assert [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [changed]


def test_both_ways_at_once() -> None:
    given = Overrides(containerfile=FILE, containerfiles=(("docs", Path("/y")),))
    assert containerfiles(SEVERAL, given) == ["None", "/x/Containerfile", "/y"]


def test_an_image_that_is_not_built_has_no_containerfile() -> None:
    with pytest.raises(UsageError, match=r"no image dosc is built; there is tools, dev, docs:1"):
        apply(SEVERAL, Overrides(containerfiles=(("dosc", FILE),)))


def test_a_build_context_comes_in_the_place_of_one_of_that_name() -> None:
    build = BuildImage(SOURCE, tags=("dev",), build_contexts=(("a", "/1"), ("b", "/2")))
    changed = apply(Plan(SOURCE, (build,)), Overrides(build_contexts=(("b", "/3"), ("c", "/4"))))
    assert isinstance(changed.steps[0], BuildImage)
    assert changed.steps[0].build_contexts == (("a", "/1"), ("b", "/3"), ("c", "/4"))


@pytest.mark.parametrize(
    ("steps", "given", "words"),
    [
        ((RUN,), Overrides(secrets=("id=a,src=/k",)), "--secret is for an image build"),
        ((BUILD,), Overrides(secret_environment=(("T", "x"),)), "--secret-env is for a container"),
        (
            PLAN.steps[:1],
            Overrides(network="none"),
            "--network is for an image build or a container",
        ),
    ],
)
def test_nothing_given_is_dropped_in_silence(
    steps: tuple[Step, ...], given: Overrides, words: str
) -> None:
    plan = Plan(Path("/p"), steps)
    with pytest.raises(UsageError, match=words):
        apply(plan, given)
    assert apply(plan, where_possible(plan, Overrides(network="none"))).steps


def test_what_fits_is_all_that_a_plan_of_one_step_takes() -> None:
    given = Overrides(
        containerfiles=(("dev", FILE), ("docs", FILE)),
        build_contexts=(("a", "/1"),),
        build_args=(("B", "2"),),
        secrets=("id=x,src=/x",),
        environment=(("E", "2"),),
        secret_environment=(("S", "3"),),
        caches=("/c",),
    )
    builds, runs, neither = (Plan(SOURCE, (step,)) for step in (BUILD, RUN, TAG))
    assert apply(builds, where_possible(builds, given)).steps == (
        replace(
            BUILD,
            containerfile=FILE,
            build_contexts=given.build_contexts,
            build_args=(*BUILD.build_args, ("B", "2")),
            secrets=given.secrets,
        ),
    )
    (run,) = apply(runs, where_possible(runs, given)).steps
    assert isinstance(run, RunContainer)
    assert run.environment == (("E", "1"), ("E", "2"), ("S", "3"))
    assert run.caches == ("/c",)
    assert apply(neither, where_possible(neither, given)) == neither
