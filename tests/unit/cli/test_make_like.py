"""The command line where it is make's own: targets, variables, directories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rootless_build.cli import app
from tests.unit.recipes.make.make_project import MakeProject

MAKEFILE = """
all: ; docker run i all $(FOO)
install: ; echo installing to $(PREFIX)
clean: ; echo cleaning
help: ; @echo targets: all install
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a Makefile."""
    MakeProject(tmp_path).write(MAKEFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def planned(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    status = app.run(["rbuild", *words])
    out, err = capfd.readouterr()
    assert status == 0, err
    read = json.loads(out)
    assert isinstance(read, dict)
    return read


def commands(plan: dict[str, Any]) -> list[Any]:
    return [step.get("script") or step["command"] for step in plan["steps"]]


def test_variables_alone(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plan = planned(capfd, "plan", "--format", "json", "FOO=bar baz")
    assert commands(plan) == [["all", "bar", "baz"]]
    assert plan["targets"] == []


def test_variables_and_targets_in_any_order(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = planned(capfd, "plan", "--format=json", "help", "FOO=1", "all")
    assert commands(plan) == ["echo targets: all install", ["all", "1"]]


@pytest.mark.parametrize("word", ["FOO:=1", "FOO?=1", "FOO+=1"])
def test_other_ways_of_make_to_set_a_variable(
    project: Path, capfd: pytest.CaptureFixture[str], word: str
) -> None:
    assert commands(planned(capfd, "plan", "--format=json", word)) == [["all", "1"]]


@pytest.mark.parametrize("before", [True, False])
def test_the_project_in_another_directory(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    option = ["-C", ".."]
    words = [*option, "plan"] if before else ["plan", *option]
    plan = planned(capfd, *words, "--format=json")
    assert (plan["project"], commands(plan)) == (str(project), [["all"]])


def test_a_directory_that_is_not_there(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["rbuild", "-C", "nowhere", "all"]) == 2
    assert "there is no directory" in capfd.readouterr().err


@pytest.mark.parametrize("target", ["install", "clean"])
def test_targets_that_are_named_like_a_command(
    project: Path, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    assert app.run(["rbuild", "make", "--dry-run", target]) == 0
    assert f"echo {target[:5]}" in capfd.readouterr().out


def test_an_unknown_target_ends_with_2(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["rbuild", "al"]) == 2
    said = capfd.readouterr().err
    assert "Makefile has no target al" in said
    assert "did you mean all?" in said


def test_a_directory_without_a_recipe(
    project: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    assert app.run(["rbuild", "-C", "empty"]) == 2
    assert "neither a Makefile nor an rbuild.toml" in capfd.readouterr().err


def test_defaults_are_for_the_targets_they_can_change(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "rbuild.toml").write_text(
        '[defaults]\nimage = "mine"\nfile = "F"\nbundles-dir = "b"\nnetwork = "none"\n'
        'build-args = { A = "1" }\nenvironment = { E = "1" }\n'
    )
    assert commands(planned(capfd, "plan", "--format=json", "help")) == [
        "echo targets: all install"
    ]
    (run,) = planned(capfd, "plan", "--format=json", "--env", "E=2")["steps"]
    assert (run["image"], run["network"]) == ("mine", "none")
    assert run["environment"] == [["E", "1"], ["E", "2"]]
    (run,) = planned(capfd, "plan", "--format=json", "--image=other", "--network=host")["steps"]
    assert (run["image"], run["network"]) == ("other", "host")


def test_a_file_on_the_command_line_is_built_whatever_the_usual_image(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    MakeProject(project).write("all:\n\tdocker build -t dev .\n\tdocker run dev\n")
    (project / "rbuild.toml").write_text('[defaults]\nimage = "mine"\n')
    (run,) = planned(capfd, "plan", "--format=json")["steps"]
    assert run["image"] == "mine"
    (project / "C").write_text("FROM scratch\n")
    build, run = planned(capfd, "plan", "--format=json", "-f", "C")["steps"]
    assert (build["containerfile"], run["image"]) == (str(project / "C"), "dev")


def test_what_the_command_line_asks_for_in_vain_is_refused(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["rbuild", "plan", "--env", "A=1", "help"]) == 2
    assert "--env is for a container" in capfd.readouterr().err


def test_targets_with_nothing_for_an_engine_need_none(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RBUILD_BACKEND", "none-such")
    assert app.run(["rbuild", "make", "help"]) == 0
    assert "targets: all install" in capfd.readouterr().out
    assert app.run(["rbuild", "all"]) == 2
    err = capfd.readouterr().err
    assert "RBUILD_BACKEND=none-such: there is no such backend" in err


def test_a_plan_to_paste_names_the_makefiles_shell(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    MakeProject(project).write("SHELL = /bin/bash\n.SHELLFLAGS = -ec\nall: ; echo a b\n")
    assert app.run(["rbuild", "plan"]) == 0
    assert f"(cd {project} && /bin/bash -ec 'echo a b')" in capfd.readouterr().out
