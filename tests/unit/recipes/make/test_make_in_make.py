"""makes that a Makefile starts: by `$(shell …)`, to be answered, or in a recipe, to be asked.

The authority is the make that is there, which makes each Makefile for real with `echo` in docker's
place. The same is asked of it as GNU make 4.4 would have it: that hands MAKEFLAGS and exported
variables on to `$(shell …)`, also those of the recipe that is being expanded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.recipes.make import program as make_program
from tests.unit.recipes.make.make_project import PATH, MakeProject

VERSION = "version:\n\t@echo 1.2.3\n\t@echo $(A)\n\t@touch asked\n"
FORMS = {
    "at once": "V := $(shell $(MAKE) -s -f version.mk)\nall: ; docker run i $(V)\n",
    "late": "V = $(shell $(MAKE) -s -f version.mk)\nall: ; docker run i $(V)\n",
    "by name": "V := $(shell make -s -f version.mk)\nall: ; docker run i $(V)\n",
    "after cd": "V = $(shell cd . && $(MAKE) -s -f version.mk | tr 2 4)\n"
    "all: ; docker run i $(V)\n",
    "!=": "V != $(MAKE) -s -f version.mk\nall: ; docker run i $(V)\n",
    "below": "all: ; $(MAKE) -f below.mk\n",
    "below, by name": "all: ; @$(MAKE) -f name.mk\n",
    "exported": "export V = $(shell $(MAKE) -s -f version.mk)\nall: ; docker run -e V i $$V\n",
    "with flags": "MAKEFLAGS += -rR\nV := $(shell $(MAKE) -s -f version.mk)\n"
    "all: ; docker run i $(V)\n",
}


def as_4_4(place: Path) -> Path:
    """A make whose `$(shell …)` gets what 4.4 would hand on to it; 4.4 itself stays what it is."""
    real = shutil.which("make", path=PATH)
    program = place / "as-4.4" / "make"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        'case " $* " in *" --dry-run "*)\n'
        f"    export MAKEFLAGS='nw --trace' MAKELEVEL=0 {make_program.IN_RECIPE}=1 ;;\n"
        f'esac\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    return program.parent


@pytest.fixture(params=["as it is", "as 4.4"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """PATH with the make that is there, or with one that is like 4.4."""
    return PATH if request.param == "as it is" else f"{as_4_4(tmp_path)}:{PATH}"


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "version.mk").write_text(VERSION)
    (directory / "below.mk").write_text(FORMS["late"])
    (directory / "name.mk").write_text(FORMS["by name"])
    return MakeProject(directory)


def said(project: MakeProject, *words: str) -> list[str]:
    """The words that make for real would give to docker."""
    programs = project.directory.parent / "programs"
    programs.mkdir()
    (programs / "docker").symlink_to(shutil.which("echo") or "")
    done = subprocess.run(
        ["make", "--no-print-directory", "-s", *words],
        cwd=project.directory,
        env={"PATH": f"{programs}:{PATH}"},
        check=True,
        capture_output=True,
        text=True,
    )
    (project.directory / "asked").unlink()
    return done.stdout.split()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("words", [(), ("A=b",)], ids=["", "A=b"])
def test_what_a_make_answers_is_what_it_answers_make(
    project: MakeProject, path: str, form: str, words: tuple[str, ...]
) -> None:
    (project.directory / "Makefile").write_text(FORMS[form])
    wanted = said(project, *words)
    run = project.run(*words, PATH=path)
    given = [f"{name}" for name, _ in run.environment]
    assert ["run", *(["-e", "V"] if given else []), "i", *run.command] == wanted
    assert (project.directory / "asked").exists()


@pytest.mark.parametrize(
    "line",
    [
        "$(MAKE) -f sub/below.mk",
        "$(MAKE) -C sub -f below.mk",
        "cd sub && $(MAKE) -f below.mk",
        "$(MAKE) --no-print-directory -C sub -f below.mk",
        "$(MAKE) -s -C sub -f below.mk",
        "${MAKE} -C sub -f below.mk all",
        "if true; then $(MAKE) -C sub -f below.mk; fi",
        "for i in 1; do $(MAKE) -C sub -f below.mk; done",
    ],
)
@pytest.mark.parametrize("head", ["", "MAKEFLAGS += --no-print-directory\n", "MAKEFLAGS = -rR\n"])
def test_what_a_recipe_starts_is_only_asked(
    project: MakeProject, path: str, line: str, head: str
) -> None:
    (project.directory / "sub").mkdir()
    text = f"{head}all:\n\tdocker build .\n\ttouch ran\n"
    (project.directory / "sub/below.mk").write_text(text)
    (project.directory / "Makefile").write_text(f"{head}all:\n\t@{line}\n\tdocker run i\n")
    build, _, run = project.steps(PATH=path)
    assert isinstance(build, BuildImage)
    assert isinstance(run, RunContainer)
    place = "." if "sub/below" in line else "sub"
    assert build.context == project.directory / place
    assert not list(project.directory.rglob("ran"))


def test_a_make_in_a_pipe_is_never_run(project: MakeProject, path: str) -> None:
    (project.directory / "Makefile").write_text(
        "all:\n\t$(MAKE) -f below.mk | tee log\nb:\n\t$(MAKE) -f touch.mk > log; true\n"
    )
    (project.directory / "below.mk").write_text("all: ; touch ran\n")
    (project.directory / "touch.mk").write_text("all: ; touch ran\n")
    for target in ("all", "b"):
        with pytest.raises(RecipeError):
            project.plan(target, PATH=path)
    assert not (project.directory / "ran").exists()


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("docker run i $(MAKE) x", ("make", "x")),
        ("docker run i sh -c '$(MAKE) -C x && true'", ("sh", "-c", "make -C x && true")),
        ("docker run i $(MAKE) && docker run i ${MAKE}", ("make",)),
        ("A=1 docker run i $(MAKE) A=1 || exit 1", ("make", "A=1")),
    ],
)
def test_make_in_dockers_words_is_the_containers(
    project: MakeProject, path: str, line: str, command: tuple[str, ...]
) -> None:
    (project.directory / "Makefile").write_text(f"all:\n\t{line}\n\tdocker build .\n")
    *_, run, _ = project.steps(PATH=path)
    assert isinstance(run, RunContainer)
    assert run.command == command
    assert run.origin is not None
    assert run.origin.text == line.replace("$(MAKE)", "make").replace("${MAKE}", "make")


@pytest.mark.parametrize(
    "line",
    [
        "echo a && docker run i $(MAKE)",
        "docker run i $(MAKE); true",
        "docker build . && $(MAKE) -f below.mk",
        "docker pull i && docker run i $(MAKE)",
        "x=$$(docker run i $(MAKE)) && $(MAKE) $$x",
        "docker run i $(MAKE) >/dev/null",
        "if docker run i $(MAKE); then true; fi",
    ],
)
def test_make_among_docker_and_others_is_refused(
    project: MakeProject, path: str, line: str
) -> None:
    (project.directory / "Makefile").write_text(f"all:\n\t{line}\n")
    with pytest.raises(RecipeError, match=r"Makefile:2: this line can't be turned into a step"):
        project.plan(PATH=path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("@echo set X first >&2; exit 3 # $(MAKE)", "set X first"),
        ("@echo 'set X, then $(MAKE) all'; exit 3", "set X, then make all"),
        ("+@echo set X; echo Y >&2; exit 3", "Y"),
        ("@test -n '$(X)' || { printf 'a\\nset X\\n'; exit 3; }; $(MAKE) b", "set X"),
    ],
)
def test_a_line_that_fails_while_it_is_asked_says_so_in_its_own_words(
    project: MakeProject, path: str, line: str, said: str
) -> None:
    (project.directory / "Makefile").write_text(f"all:\n\t{line}\nb: ; true\n")
    with pytest.raises(RecipeError, match="Makefile:2: this line fails with status 3") as caught:
        project.plan(PATH=path)
    assert said in caught.value.engine_words.splitlines()
    assert "rbuild-make" not in str(caught.value.engine_words)


def test_the_users_makefiles_are_read_by_what_answers(
    project: MakeProject, tmp_path: Path, path: str
) -> None:
    (tmp_path / "own.mk").write_text("A = of my own\n")
    (project.directory / "Makefile").write_text(FORMS["at once"])
    run = project.run(PATH=path, MAKEFILES=str(tmp_path / "own.mk"))
    assert run.command == ("1.2.3", "of", "my", "own")


def test_where_make_is_does_not_depend_on_who_asks(project: MakeProject, path: str) -> None:
    (project.directory / "Makefile").write_text("M := $(shell command -v make)\nall: ; $(M) -C x\n")
    assert project.command(PATH=path).script == f"{shutil.which('make', path=path)} -C x"


@pytest.mark.parametrize("flag", ["", "-s", "--silent", "-rs --no-print-directory"])
def test_nothing_to_be_done_is_no_failure(project: MakeProject, path: str, flag: str) -> None:
    (project.directory / "Makefile").write_text(f"MAKEFLAGS += {flag}\nold: ; docker run i\n")
    (project.directory / "old").touch()
    assert project.steps(PATH=path) == ()


def test_the_plan_of_a_target_that_has_a_recipe_is_not_empty_in_silence(
    project: MakeProject, tmp_path: Path
) -> None:
    program = tmp_path / "silent" / "make"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{shutil.which("make", path=PATH)} "$@" | sed -n 1d\n')
    program.chmod(0o755)
    (project.directory / "Makefile").write_text("all: ; docker run i\n")
    with pytest.raises(RecipeError, match="make did not say"):
        project.plan(PATH=f"{program.parent}{os.pathsep}{PATH}")
