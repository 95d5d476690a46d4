"""Exported variables with automatic ones in them, against what make itself gives to recipes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import HostCommand
from rootless_build.recipes.make import values
from tests.unit.recipes.make.make_project import PATH, MakeProject


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """An empty directory."""
    return MakeProject(tmp_path)


def environments(project: MakeProject) -> list[dict[str, str]]:
    """The environments of the plan's commands."""
    steps = project.steps()
    return [dict(step.environment or ()) for step in steps if isinstance(step, HostCommand)]


@pytest.mark.parametrize(
    "head",
    [
        "export F = $@",
        "export F = out/${@}.log1",
        "D = $(@)\nexport F = a $(D) b",
        "F = $@1\nexport",
        "all b: export F = $@1",
        "%: export F = x$@",
        "export F := [$@$<]",
        "define F\none $@\ntwo\nendef\nexport F",
        "export F = $$@ $$<  # $^",
        "F = $@\nall: F += $@\nexport F",
        "export F ?= $@",
    ],
)
def test_the_targets_name_is_put_back(project: MakeProject, head: str) -> None:
    project.write(f"default: all b\n{head}\nall b:\n    @printf '[%s]' \"$$F\"\n")
    expected = subprocess.run(
        ["make"], cwd=project.directory, env={"PATH": PATH}, capture_output=True, check=True
    ).stdout.decode()
    assert "".join(f"[{environment['F']}]" for environment in environments(project)) == expected
    assert not [note for note in project.plan().notes if "F is" in note]


UNKNOWN = {
    "export F = $<": "$<",
    "export F = x $^ y": "$^",
    "all: export F = $+": "$+",
    "%.x: export F = $*": "$*",
    "export F = $(@D)": "$(@D)",
    "export F = $(notdir $@)": "$@",
    "export F = ${@:a%=b%}": "$(@:a%=b%)",
    "T = $@\nexport F = $(T:.x=.y)": "$@",
    "T = $(sort $?)\nF = $(T)\nexport": "$?",
    "T = $(1) $@\nexport F = $(call T,a)": "$@",
    "define F\n$|\nendef\nexport F": "$|",
    "export F = $(firstword $(MAKEFLAGS))": "make's own options",
    "export F := $(filter-out --%,$(MAKEFLAGS))": "make's own options",
}


@pytest.mark.parametrize("head", UNKNOWN)
@pytest.mark.parametrize("line", ["docker run --rm -e F img", "docker run --rm img echo $$F"])
def test_a_docker_command_with_an_unknown_value_is_refused(
    project: MakeProject, head: str, line: str
) -> None:
    project.write(f"all: a.x\n{head}\n%.x:\n    {line}\nall:\n    {line}\n")
    with pytest.raises(RecipeError, match=r"Makefile:\d+: .*takes F from the env") as caught:
        project.plan()
    assert f"made of {UNKNOWN[head]}: " in str(caught.value)


@pytest.mark.parametrize("head", UNKNOWN)
def test_commands_get_no_value_of_rbuilds(project: MakeProject, head: str) -> None:
    project.write(f"all: a.x\n{head}\n%.x:\n    ./build.sh\nall:\n    ./build.sh\n")
    plan = project.plan()
    assert any("F" not in environment for environment in environments(project))
    assert not any(
        re.search(r"rbuild-\d", repr(environment)) for environment in environments(project)
    )
    assert any(
        note.startswith(f"F is not exported to commands of the Makefile: it is made of "
                        f"{UNKNOWN[head]},")
        for note in plan.notes
    )  # fmt: skip


def test_a_command_that_takes_an_unknown_value_is_refused(project: MakeProject) -> None:
    project.write('all: export F = $^\nall: a\n    ./build.sh "$${F}"\na: ;\n')
    with pytest.raises(RecipeError, match=r"Makefile:3: .*takes F from the environment"):
        project.plan()


def test_what_is_not_handed_on_is_no_concern(project: MakeProject) -> None:
    project.write("F = $^\nall: G = $<\nall: a\n    docker run --rm img $(F) $(G)\na: ;\n")
    plan = project.plan()
    assert plan.notes == ()
    assert project.run().command == ("a", "a")


def test_another_variable_is_no_concern_of_a_docker_command(project: MakeProject) -> None:
    project.write("export F = $^\nall: a\n    docker run --rm -e F=1 -e FF img F2\na: ;\n")
    assert dict(project.run(FF="2").environment) == {"F": "1", "FF": "2"}


@pytest.mark.parametrize("option", ["-e F", "-ite F", "--env F", "--env=F", "-eF", "-e 'F'"])
def test_however_a_value_is_handed_on(project: MakeProject, option: str) -> None:
    project.write(f"export F = $^\nall: a\n    docker run --rm {option} img\na: ;\n")
    with pytest.raises(RecipeError, match="takes F from the environment"):
        project.plan()


def test_a_build_argument_is_handed_on_too(project: MakeProject) -> None:
    (project.directory / "Dockerfile").write_text("FROM scratch\n")
    project.write("export F = $^\nall: a\n    docker build --build-arg F .\na: ;\n")
    with pytest.raises(RecipeError, match="takes F from the environment"):
        project.plan()


def test_a_word_of_the_same_name_is_no_concern(project: MakeProject) -> None:
    project.write(
        "export\nrun = docker run --rm img $^\nimg = $<\nall: a\n"
        "    $(run)\n    docker run --rm img run img\na: ;\n"
    )
    assert len(project.steps()) == 2


def test_the_users_own_value_is_known(project: MakeProject) -> None:
    project.write("export F ?= $^\nall: a\n    docker run --rm -e F img\na: ;\n")
    assert dict(project.run(F="users").environment) == {"F": "users"}
    assert dict(project.run("F=given").environment) == {"F": "given"}


def test_values_that_refer_to_each_other_end() -> None:
    text = "A = $(B)\nB = $(C) $(A)\nC = $(B)$<\nD := $(A)\n"
    assert dict(values.unknown([text])) == {"A": "$<", "B": "$<", "C": "$<"}
