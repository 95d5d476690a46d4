"""`--makefile FILE`: another makefile, read as `make -f FILE` reads it. GNU make is asked, too."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from rootless_build.cli import app
from tests.unit.cli.completing import asked, completed
from tests.unit.recipes.make.make_project import MakeProject

DOCKER = """
HERE := $(lastword $(MAKEFILE_LIST))
include sub/inc.mk
build: ; docker run i $(HERE) $(firstword $(MAKEFILE_LIST)) $(INC) "$(MAKEFILE_LIST)" $(CURDIR)
below: ; $(MAKE) -C sub -f x.mk
again: ; $(MAKE) -f docker.Makefile build
shell: ; docker run -it dev bash
made.mk: ; echo 'INC := made' > $@
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, in the shape of docker/cli: its own Makefile builds on the host."""
    made = MakeProject(tmp_path).write("binary: ; go build\n").write(DOCKER, "docker.Makefile")
    made.write("INC := $(lastword $(MAKEFILE_LIST))\n", "sub/inc.mk")
    made.write("all: ; docker run below $(MAKEFILE_LIST)\n", "sub/x.mk")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MAKEFLAGS", raising=False)
    return tmp_path


def planned(capfd: pytest.CaptureFixture[str], *words: str) -> list[list[str]]:
    """The containers' images and commands."""
    status = app.run(["rbuild", "plan", "--format", "json", *words])
    out, err = capfd.readouterr()
    assert status == 0, err
    return [[step["image"], *step["command"]] for step in json.loads(out)["steps"]]


def refused(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert app.run(["rbuild", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    return err


def by_make(*words: str) -> list[list[str]]:
    """The same, as make itself prints it."""
    done = subprocess.run(["make", "-n", *words], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("docker run ")]
    return [shlex.split(line)[2:] for line in lines]


@pytest.mark.parametrize("target", ["build", "below", "again", ""])
@pytest.mark.parametrize("file", ["docker.Makefile", "./docker.Makefile", "sub/x.mk"])
def test_it_is_read_as_make_reads_it(
    project: Path, capfd: pytest.CaptureFixture[str], file: str, target: str
) -> None:
    goals = [target] if target and "docker" in file else []
    # make gives the name as it is written; a path that begins with `./` is normal to rbuild.
    expected = by_make("-f", file.removeprefix("./"), *goals)
    assert expected
    assert planned(capfd, "--makefile", file, *goals) == expected
    assert planned(capfd, "--makefile", str(project / file), *goals) == expected


def test_it_is_relative_to_the_project_as_with_make(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "sub")
    words = ("-C", "..", "--makefile", "docker.Makefile", "build")
    expected = by_make("-C", "..", "-f", "docker.Makefile", "build")
    assert planned(capfd, *words) == expected
    assert planned(capfd, "--makefile", "../sub/x.mk") == [["below", "../sub/x.mk"]]


def test_it_comes_before_every_other_recipe(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "rbuild.toml").write_text('[container]\nimage = "own"\n')
    assert planned(capfd)[0][0] == "own"
    assert planned(capfd, "--makefile", "sub/x.mk") == [["below", "sub/x.mk"]]
    (project / "rbuild.toml").unlink()
    (project / "Makefile").unlink()
    (project / "docker-bake.hcl").write_text('target "default" {}\n')
    assert planned(capfd, "--makefile", "sub/x.mk") == [["below", "sub/x.mk"]]


def test_a_default_of_the_project(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (project / "rbuild.toml").write_text('[defaults]\nmakefile = "docker.Makefile"\n')
    assert planned(capfd, "build") == by_make("-f", "docker.Makefile", "build")
    assert planned(capfd, "--makefile", "sub/x.mk") == [["below", "sub/x.mk"]]
    (project / "rbuild.toml").write_text('[defaults]\nmakefile = "dockre.Makefile"\n')
    err = refused(capfd, "plan", "build")
    assert "rbuild.toml:2" in err
    assert "no such file" in err
    assert "did you mean docker.Makefile?" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--makefile", "dockre.Makefile"), "no such file\n  -> did you mean docker.Makefile?"),
        (("--makefile", "x"), "no such file\n  -> there are Makefile, docker.Makefile"),
        (("--makefile", "sub"), "--makefile sub: it is a directory"),
        (("--makefile", "-"), "a makefile can't be read from standard input"),
        (("--makefile", "Dockerfile"), "it is a containerfile\n  -> -f FILE names another"),
        (("--makefile", ""), "--makefile"),
        (("--makefile",), "--makefile needs a value"),
        (("--makefile", "a", "--makefile", "b"), "--makefile is given twice"),
        (("-f", "docker.Makefile"), "-> to have it read: --makefile docker.Makefile"),
        (("-f", "Makefile"), "rbuild reads ./Makefile itself; --makefile FILE names another"),
        (("--makefile", "docker.Makefile", "biuld"), "docker.Makefile has no target biuld"),
        (("--makefile", "docker.Makefile", "biuld"), "did you mean build?"),
    ],
)
@pytest.mark.parametrize("command", [(), ("plan",), ("reproduce",)])
def test_a_wrong_one_is_told_with_what_is_there(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    words: tuple[str, ...],
    said: str,
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")
    assert said in refused(capfd, *command, *words)


def test_a_shell_of_its_own(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert planned(capfd, "--makefile", "docker.Makefile", "shell") == [["dev", "bash"]]


def test_completion_knows_its_targets(project: Path) -> None:
    targets = ["again", "below", "build", "made.mk", "shell"]
    assert completed(project, "--makefile", "docker.Makefile", "plan", "") == targets
    assert asked(project, "--makefile", "").kind == "files"
