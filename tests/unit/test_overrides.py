"""What the command line changes in a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.errors import UsageError
from rootless_build.overrides import Overrides, apply, make_container
from rootless_build.plan import (
    BindMount,
    BuildImage,
    Bundles,
    HostCommand,
    Plan,
    PullPolicy,
    RunContainer,
)

SOURCE = Path("/src")
BUNDLES = SOURCE / "bundles"
BUILD = BuildImage(SOURCE, tags=("dev",), build_args=(("A", "1"),))
RUN = RunContainer(
    "dev",
    command=("hack/make.sh", "binary"),
    environment=(("E", "1"),),
    mounts=(BindMount(BUNDLES, "/go/bundles"),),
)
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
