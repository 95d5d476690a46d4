"""Which containers of a Makefile are run although nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.plan import Origin, Plan, RunContainer
from rootless_build.recipes import always
from rootless_build.recipes.config import Target

PROJECT = Path("/moby")


def marked(
    target: str, *command: str, goals: tuple[str, ...] = (), told: dict[str, Target] | None = None
) -> bool:
    origin = Origin("Makefile", 1, "", target)
    plan = Plan(PROJECT, (RunContainer("dev", command, origin=origin),), targets=goals or (target,))
    step = always.mark(plan, told or {}).steps[0]
    assert isinstance(step, RunContainer)
    return step.always


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("test", "hack/make.sh dynbinary cross test-unit"),
        ("test-integration-cli", "hack/make.sh dynbinary test-integration-cli"),
        ("validate", "hack/validate/all"),
        ("shell", "bash"),
        ("run", "sh -c 'KEEPBUNDLE=1 hack/make.sh install-binary run'"),
        ("all", "hack/make.sh"),
        ("ci", "hack/make.sh dynbinary test-unit"),
        ("ci", "bash -c 'hack/validate/default && hack/make.sh'"),
    ],
)
def test_what_is_no_pure_build(target: str, command: str) -> None:
    assert marked(target, *command.split())


@pytest.mark.parametrize(
    "target", ["binary", "dynbinary", "cross", "build", "deb", "tgz", "win", "manpages", "latest"]
)
def test_what_is(target: str) -> None:
    assert not marked(target, "hack/make.sh", target)


def test_the_goal_counts_where_its_recipe_is_a_prerequisites() -> None:
    assert marked("binary", "hack/make.sh", "binary", goals=("test",))


def test_the_project_has_the_last_word() -> None:
    assert marked("binary", "hack/make.sh", told={"binary": Target(always=True)})
    assert not marked("test-data", "make", told={"test-data": Target(always=False)})
