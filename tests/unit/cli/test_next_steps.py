"""What to type after a container has failed starts the same container."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from rootless_build.cli import kept_runs, next_steps
from rootless_build.cli.app import Rbuild
from rootless_build.cli.command import Command
from rootless_build.model.errors import StepFailedError, UnsupportedError
from rootless_build.model.plan import BuildImage, HostCommand, Origin, Plan, RunContainer, Step
from rootless_build.model.structs import replace

RUN = RunContainer("dev", ("make",), origin=Origin("Makefile", 3, "docker run", "binary"))
TEST = replace(RUN, origin=Origin("Makefile", 7, "docker run", "test"))


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def typed(*words: str) -> Command:
    """The command of a command line."""
    command = Rbuild("rbuild")
    options, _ = command._parse_args(list(words))
    for setter, found in options.items():
        setter(command, *found.val)
    return command


def hint(
    command: Command, step: int, steps: tuple[Step, ...], *targets: str, variables: str = ""
) -> str:
    error = StepFailedError("make failed", status=1)
    error.step = step
    plan = Plan(Path("/p"), steps, targets=targets, recipe="Makefile")
    next_steps.complete(error, command, plan, tuple(variables.split()), pass_status=False)
    return error.hint.removeprefix("to look around in such a container: ")


def test_it_is_the_container_of_the_target() -> None:
    steps = (BuildImage(Path("/p")), RUN)
    assert hint(typed(), 2, steps) == "rbuild run --target binary -- sh"
    assert hint(typed(), 2, steps, "all") == "rbuild run --target all -- sh"


def test_where_another_would_be_started_it_is_the_same_command_again() -> None:
    again = "when that is mended: rbuild"
    assert hint(typed(), 1, (RUN, TEST), "all") == again
    assert hint(typed(), 2, (RUN, TEST), "binary", "test") == "rbuild run --target test -- sh"
    below = replace(RUN, origin=Origin("sub/Makefile", 3, "docker run", "binary"))
    assert hint(typed(), 1, (below,)) == again
    assert hint(typed(), 1, (replace(RUN, origin=None),)) == again


def test_what_makes_it_the_same_is_kept() -> None:
    words = (
        "-C /x --backend=buildah --network none -f dev=a/File -f b --build-arg A=1 --env B=2"
        " --makefile M --unprivileged --secret id=a,src=s -v --force"
    )
    kept = (
        "rbuild -C /x --makefile M --backend buildah --network none -f dev=a/File -f b"
        " --build-arg A=1 --secret id=a,src=s --env B=2 --unprivileged"
    )
    found = hint(typed(*shlex.split(words)), 1, (RUN,), "binary", variables="V=1")
    assert found == f"{kept} V=1 run --target binary -- sh"


def test_a_command_that_is_not_there_is_looked_for_in_its_container() -> None:
    error = StepFailedError("x was not found", status=127, hint="is it on PATH?", engine_words="x")
    error.step = 1
    plan = Plan(Path("/p"), (RUN,), targets=("binary",), recipe="Makefile")
    next_steps.complete(error, typed(), plan, (), pass_status=False)
    assert error.hint.splitlines() == [
        "is it on PATH?",
        "to look around in such a container: rbuild run --target binary -- sh",
    ]


def test_what_the_host_has_not_is_no_reason_to_try_again() -> None:
    error = UnsupportedError("podman has no such option")
    error.step = 1
    plan = Plan(Path("/p"), (BuildImage(Path("/p")),), targets=("binary",), recipe="Makefile")
    next_steps.complete(error, typed(), plan, (), pass_status=False)
    assert not error.hint


def test_a_value_of_a_secret_name_is_not_said_again() -> None:
    error = StepFailedError("false failed", status=1)
    error.step = 1
    plan = Plan(
        Path("/p"), (HostCommand("false", Path("/p")),), targets=("all",), recipe="Makefile"
    )
    next_steps.complete(error, typed("API_TOKEN=of-nobody", "all"), plan, (), pass_status=False)
    assert error.hint == "when that is mended: rbuild 'API_TOKEN=***' all"


@pytest.mark.parametrize(("status", "is_offered"), [(7, True), (127, True), (125, False)])
def test_a_shell_is_offered_where_the_container_could_be_made(
    status: int, is_offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_runs, "is_kept", lambda _: True)
    words = "Error: statfs" if status > 100 else ""
    error = StepFailedError("it failed", status=status, engine_words=words)
    error.step, error.image = 1, "0123"
    plan = Plan(Path("/p"), (RUN,), targets=("binary",), recipe="Makefile")
    next_steps.complete(error, typed(), plan, (), pass_status=False)
    assert ("a shell where it failed: rbuild debug" in error.hint) is is_offered
