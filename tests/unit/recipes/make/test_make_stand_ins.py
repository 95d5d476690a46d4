"""Where rbuild's stand-ins for docker are is in no plan: they are gone when it is done."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from rootless_build.model.errors import HostError, RecipeError
from tests.unit.recipes.make.make_project import PATH, MakeProject


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """An empty directory."""
    return MakeProject(tmp_path / "project")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory of PATH with a docker and a podman of its own."""
    directory = tmp_path / "tools"
    directory.mkdir()
    for name in ("docker", "podman"):
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)
    return directory


QUESTIONS = ["$(shell which docker)", "$(shell command -v docker)"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_real_program_is_named(project: MakeProject, tools: Path, question: str) -> None:
    project.write(
        f"D := {question}\nexport ENGINE := $(D)\nall: export OWN = $(D)\nall:\n"
        '    test -x "$(D)"\n'
    )
    step = project.command(PATH=f"{tools}:{PATH}")
    assert step.script == f'test -x "{tools}/docker"'
    environment = dict(step.environment or ())
    assert environment["ENGINE"] == environment["OWN"] == f"{tools}/docker"
    assert environment["PATH"] == f"{tools}:{PATH}"


def test_a_program_that_is_missing_has_its_name(project: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("make", "sh", "cp", "cat"):
        found = next(p / name for p in map(Path, PATH.split(":")) if (p / name).exists())
        (tmp_path / "bin" / name).symlink_to(found)
    project.write(
        "export ENGINE := $(shell command -v podman || command -v docker)\n"
        'all:\n    test -x "$(ENGINE)"\n'
    )
    step = project.command(PATH=str(tmp_path / "bin"))
    assert step.script == 'test -x "docker"'
    assert dict(step.environment or ())["ENGINE"] == "docker"


def test_steps_are_the_same_again(project: MakeProject, tools: Path) -> None:
    project.write(
        "export ENGINE := $(shell command -v podman || command -v docker)\n"
        "all:\n    PATH=$(PATH) ./build.sh $(ENGINE)\n    $(ENGINE) run --rm -e ENGINE img\n"
    )
    first, second = (project.steps(PATH=f"{tools}:{PATH}") for _ in range(2))
    assert first == second
    # The account may be called rbuild-…, too.
    assert not re.search(r"rbuild-\d", repr(first))


def test_a_mounted_program_is_the_real_one(project: MakeProject, tools: Path) -> None:
    project.write(
        "D := $(shell which docker)\nall:\n"
        "    install $(D):/usr/bin/docker /other:$(D) $(PATH):/b\n"
    )
    script = project.command(PATH=f"{tools}:{PATH}").script
    real = f"{tools}/docker"
    assert script == f"install {real}:/usr/bin/docker /other:{real} {tools}:{PATH}:/b"


def test_a_directory_of_rbuilds_is_refused(project: MakeProject, tools: Path) -> None:
    project.write("D := $(dir $(shell which docker))\nall:\n    ls $(D)\n")
    with pytest.raises(RecipeError, match=r"Makefile:3: .*a directory that rbuild has"):
        project.steps(PATH=f"{tools}:{PATH}")


@pytest.mark.parametrize("everywhere", [False, True])
def test_stand_ins_are_where_programs_can_be_executed(
    project: MakeProject, tools: Path, monkeypatch: pytest.MonkeyPatch, *, everywhere: bool
) -> None:
    """tests/hosts mounts /tmp so; there docker's place was taken by whatever came next on PATH."""
    real = os.statvfs
    usual = tempfile.gettempdir()

    def mounted(path: str) -> object:
        found = real(path)
        noexec = everywhere or path == usual
        return SimpleNamespace(f_flag=found.f_flag | (os.ST_NOEXEC if noexec else 0))

    project.write("all:\n    docker run --rm img $(shell command -v docker)\n")
    asked_in: list[str] = []
    monkeypatch.setattr(os, "statvfs", mounted)
    made = tempfile.TemporaryDirectory

    def noted(**given: str) -> tempfile.TemporaryDirectory[str]:
        asked_in.append(given["dir"])
        return made(prefix=given["prefix"], dir=given["dir"])

    monkeypatch.setattr(tempfile, "TemporaryDirectory", noted)
    if everywhere:
        with pytest.raises(HostError, match="noexec"):
            project.steps(PATH=f"{tools}:{PATH}")
        return
    assert project.steps(PATH=f"{tools}:{PATH}")
    assert usual not in asked_in
