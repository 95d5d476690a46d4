"""Images that a Makefile has built by `$(shell docker build -q …)`, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage, HostCommand, RunContainer, Step
from tests.unit.recipes.make.make_project import MakeProject


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    return MakeProject(tmp_path)


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [
        step.script.strip() if isinstance(step, HostCommand) else step.kind.partition("-")[0]
        for step in steps
    ]


def test_the_container_is_made_of_the_image_just_built(project: MakeProject) -> None:
    project.write("""
        all:
            docker run --rm $(shell docker build -q -f sub/File --build-arg A=b .) make build
        """)
    build, run = project.steps(FOO="bar")
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.containerfile == project.directory / "sub/File"
    assert build.build_args == (("A", "b"),)
    assert (run.image, run.command) == (build.tags[0], ("make", "build"))
    assert project.plan().notes == ()


def test_it_is_built_where_make_would_have_it_done(project: MakeProject) -> None:
    project.write("""
        all: first
            echo one
            docker run $(shell docker build -q .)
        first: ; echo first
        ID := $(shell docker build -q other)
        read: first
            docker run $(ID)
        both: all read
        eval: first
            $(eval X := $(shell docker build -q .))
            echo one
            docker run $(X)
        """)
    other, *rest = project.steps("all")
    assert isinstance(other, BuildImage)
    assert other.context == project.directory / "other"
    # All lines of a recipe are expanded before the first is run.
    assert kinds(tuple(rest)) == ["echo first", "build", "echo one", "run"]
    assert kinds(project.steps("read")) == ["build", "echo first", "run"]
    assert kinds(project.steps("eval")) == ["build", "echo first", "build", "echo one", "run"]
    assert kinds(project.steps("both")) == [
        *("build", "echo first", "build", "echo one", "run", "run")
    ]


def test_it_is_built_before_the_rule_of_a_target_that_has_several(project: MakeProject) -> None:
    project.write("""
        all::
            echo one
            echo two
        all::
            echo three
            docker run $(shell docker build -q .)
        """)
    assert kinds(project.steps("all")) == ["echo one", "echo two", "build", "echo three", "run"]


@pytest.mark.parametrize(
    "shell",
    [
        "docker build -qt named .",
        "docker build -q -t named . | cut -c8-19",
        "docker buildx build --quiet --tag named .",
        "podman build -q -t named .",
        "docker build -t named . && echo named",
    ],
)
def test_an_image_with_a_tag_needs_no_other(
    project: MakeProject, shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "podman").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "bin" / "podman").chmod(0o755)
    project.write(f"all: ; docker run --rm $(shell {shell}) x")
    build, run = project.steps(PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    assert build.tags == (run.image,) == ("named",)


@pytest.mark.parametrize(
    "line",
    [
        "echo $(ID) > id",
        "docker run i $(ID)",
        "docker run -e ID i",
        "docker run -e ID=$(ID) $(ID)",
        "docker build --build-arg BASE=$(ID) .",
        "docker save $(ID)",
    ],
)
def test_nothing_else_can_be_done_with_the_id(project: MakeProject, line: str) -> None:
    project.write(f"export ID := $(shell docker build -q .)\nall:\n\t{line}\n")
    with pytest.raises(RecipeError, match=r"^Makefile:3: "):
        project.plan()


def test_an_id_that_is_only_exported_does_no_harm(project: MakeProject) -> None:
    project.write("export ID := $(shell docker build -q .)\nall:\n\techo hi\n\tdocker run $(ID)\n")
    assert kinds(project.steps()) == ["build", "echo hi", "run"]


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("docker build -q - < Makefile", "the build context '-' is not a directory"),
        ("docker build -q --output type=local,dest=x .", "it makes no image"),
        ("docker build -q https://example.com/x.git", "is not a directory"),
        ("docker build -q --platform linux/amd64,linux/arm64 .", "more than one build"),
        ("docker build -q --push .", "docker build: --push can't be honoured"),
    ],
)
def test_a_build_that_cannot_be_a_step_is_refused(
    project: MakeProject, shell: str, words: str
) -> None:
    project.write(f"all: ; docker run $(shell {shell}) x")
    with pytest.raises(RecipeError, match=words) as caught:
        project.plan()
    assert caught.value.message.startswith("Makefile: ")


def test_a_build_whose_time_is_not_known_is_refused(project: MakeProject) -> None:
    project.write("all:\n\techo $(shell docker build -q . >/dev/null)\n")
    with pytest.raises(RecipeError, match=r"`docker build -q \.`.* no line uses the image"):
        project.plan()


def test_it_belongs_to_the_directory_it_was_asked_in(project: MakeProject) -> None:
    project.write("all:\n\t$(MAKE) -C sub\n\tdocker run $(shell docker build -q .)\n")
    project.write("all:\n\tdocker run $(shell docker build -q .)\n", "sub/Makefile")
    first, one, second, two = project.steps()
    assert isinstance(first, BuildImage)
    assert isinstance(second, BuildImage)
    assert isinstance(one, RunContainer)
    assert isinstance(two, RunContainer)
    assert {first.context, second.context} == {project.directory, project.directory / "sub"}
    by_tag = {step.tags[0]: step.context for step in (first, second)}
    assert by_tag[one.image] == project.directory / "sub"
    assert by_tag[two.image] == project.directory
