"""bash completion: what a person gets on Tab, from bash itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.cli.app import Rbuild
from rootless_build.cli.application import Application
from tests.unit.cli.completing import completed


def options_of(application: Application) -> set[str]:
    return {f"--{name}" for name in application.switches if len(name) > 1}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "Makefile").write_text("X := 1\n.PHONY: all\nall: b/x\n\techo x:\nb/x:\nenv ?= 1\n")
    return place


def test_commands_and_the_projects_targets(project: Path) -> None:
    assert completed(project, "rbuild", "") == sorted([*Rbuild.COMMANDS, "all", "b/x"])
    for words in (("plan",), ("reproduce",), ("run", "--target"), ("--",), ("all",)):
        assert completed(project, "rbuild", *words, "") == ["all", "b/x"]
    assert completed(project.parent, "rbuild", "-C", str(project), "a") == ["all"]
    assert completed(project, "rbuild", "--backend", "podman", "pl") == ["plan"]
    assert completed(project, "rbuild", "backends", "") == []


def test_the_targets_are_those_that_rbuild_takes(project: Path) -> None:
    recipe = '[container]\nimage = "x"\n[targets.cross]\ncommand = "x"\n'
    (project / "rbuild.toml").write_text(recipe)
    assert completed(project, "rbuild", "plan", "") == ["cross"]
    # Without an image or a container of its own it says something of the Makefile's targets.
    (project / "rbuild.toml").write_text("[targets.all]\nalways = true\n")
    assert completed(project, "rbuild", "plan", "") == ["all", "b/x"]
    (project / "rbuild.toml").write_text("nonsense")
    assert completed(project, "rbuild", "plan", "") == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docker-bake.hcl", 'group "default" { targets = ["app"] }\ntarget "app" {}\n'),
        ("compose.yaml", "services: {app: {build: .}}\n"),
    ],
)
def test_targets_of_a_bake_file(project: Path, name: str, text: str) -> None:
    (project / "Makefile").unlink()
    (project / name).write_text(text)
    assert "app" in completed(project, "rbuild", "plan", "")
    assert completed(project, "rbuild", "ap") == ["app"]


@pytest.mark.parametrize("words", [(), ("plan",), ("backends",), ("clean",), ("--force", "make")])
def test_the_options_that_a_command_takes_and_no_others(
    project: Path, words: tuple[str, ...]
) -> None:
    root = Rbuild("rbuild")
    application = root.command_named(words[-1]) if words else root
    assert set(completed(project, "rbuild", *words, "--")) == options_of(application)


def test_clean_has_its_own_options_and_none_for_builds(project: Path) -> None:
    own = {"--images", "--volumes", "--bases", "--everywhere", "--yes", "--dry-run"}
    offered = set(completed(project, "rbuild", "clean", "--"))
    assert own <= offered
    assert not {"--build-arg", "--secret", "--checksums"} & offered


def test_values_of_options(project: Path) -> None:
    assert completed(project, "rbuild", "--backend", "b") == ["buildah"]
    assert completed(project, "rbuild", "--backend", "=", "b") == ["buildah"]
    assert "podman" in completed(project, "rbuild", "--backend", "=")
    assert completed(project, "rbuild", "bundles", "--format", "") == ["json", "text"]
    assert completed(project, "rbuild", "bundles", "v") == ["verify"]
    assert completed(project, "rbuild", "doctor", "--explain", "no-sub") == ["no-subids"]
    assert completed(project, "rbuild", "-f", "Mak") == ["Makefile"]
    assert completed(project, "rbuild", "plan", "-C", "../pr") == ["../project"]


def test_nothing_of_the_project_is_run(project: Path) -> None:
    (project / "Makefile").write_text("X := $(shell touch run)\nall: ; true\n")
    assert completed(project, "rbuild", "plan", "") == ["all"]
    assert not (project / "run").exists()
