"""Lines in which docker's answer is missing: none is planned with a hole in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import HostCommand, RunContainer
from tests.unit.recipes.make.make_project import MakeProject


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    return MakeProject(tmp_path)


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("docker run --rm $(shell docker images -q x) make build", "docker images -q x"),
        ("docker run --rm $(ID) make build", "docker images -q own"),
        ("docker run --rm $(LATER) make build", "docker images -q later"),
        ("docker run --rm i $(shell docker ps -q | head -1)", "docker ps -q"),
        ("docker run --rm $(shell docker ps -q | cut -c1-12) sh", "docker ps -q"),
        ("docker run --rm -v $(shell docker volume create):/v i", "docker volume create"),
        ("docker build -t x --build-arg V=$(shell docker run i cat /v) .", "docker run i cat /v"),
        ("docker build -t x $(shell docker inspect -f '{{.Id}}' x) .", "docker inspect -f"),
        ("docker run --rm -e ID i", "docker images -q own"),
        ("docker run --rm i $$ID", "docker images -q own"),
        ("tar -cf $(shell docker create x).tar .", "docker create x"),
        ("echo $(ID) > id", "docker images -q own"),
        ("docker run $(shell docker run -d $(shell docker build -q .) true)", "docker run -d"),
        ("docker run --rm $(shell docker info -f '{{.ID}}') sh", "docker info -f '{{.ID}}'"),
    ],
)
def test_a_line_without_the_answer_is_refused(project: MakeProject, line: str, asked: str) -> None:
    project.write(
        "export ID := $(shell docker images -q own)\nLATER = $(shell docker images -q later)\n"
        f"all:\n\t@true\n\t{line}\n"
    )
    with pytest.raises(RecipeError) as caught:
        project.plan()
    said = caught.value.message
    assert said.startswith("Makefile:5: this line can't be turned into a step: it takes the answer")
    assert f"`{asked}" in said
    assert "sha256:" not in caught.value.engine_words


def test_below_another_make(project: MakeProject) -> None:
    project.write("all: ; $(MAKE) -C sub")
    project.write("all: ; docker run $(shell docker images -q x) sh", "sub/Makefile")
    with pytest.raises(RecipeError, match=r"^sub/Makefile:1: .*`docker images -q x`"):
        project.plan()


@pytest.mark.parametrize(
    "line",
    [
        # The Makefile has thought of a docker that says nothing.
        "docker run --rm $(or $(shell docker images -q x),base) sh",
        "docker run --rm $(shell docker images -q x | grep . || echo base) sh",
        "docker run --rm $(if $(shell docker images -q x),other,base) sh",
        "docker run --rm $(IMAGE) sh",
        "$(if $(shell docker images -q x),,docker run --rm base sh)",
    ],
)
def test_what_a_makefile_does_without_an_answer_is_planned(project: MakeProject, line: str) -> None:
    project.write(
        "ifeq ($(shell docker images -q x),)\nIMAGE := base\nelse\nIMAGE := other\nendif\n"
        f"all:\n\t{line}\n"
    )
    step = project.step()
    assert isinstance(step, RunContainer)
    assert (step.image, step.command) == ("base", ("sh",))
    assert any("`docker images -q x`" in note for note in project.plan().notes)


def test_what_is_only_said_or_exported_does_no_harm(project: MakeProject) -> None:
    project.write(
        "export ID := $(shell docker images -q own)\n"
        "all:\n\techo using $(ID)\n\tdocker run --rm -e OTHER i\n"
    )
    said, run = project.steps()
    assert isinstance(said, HostCommand)
    assert said.script.strip() == "echo using"
    assert isinstance(run, RunContainer)


def test_a_makefile_that_goes_wrong_with_an_answer_is_as_without(project: MakeProject) -> None:
    project.write(
        "ifneq ($(shell docker ps -q),)\n$(error stop the containers first)\nendif\n"
        "all: ; docker run --rm i\n"
    )
    assert isinstance(project.step(), RunContainer)


def test_no_file_gets_the_word_that_stands_for_an_answer(project: MakeProject) -> None:
    project.write("X := $(shell docker run i cat /x > x)\nall: ; docker run --rm i\n")
    project.plan()
    assert (project.directory / "x").read_text() == ""
