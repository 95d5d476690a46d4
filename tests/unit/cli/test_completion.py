"""bash completion: what a person gets on Tab, from bash itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.cli.app import Rbuild
from tests.unit.cli.completing import completed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Makefile").write_text("X := 1\n.PHONY: all\nall: b/x\n\techo x:\nb/x:\nenv ?= 1\n")
    (tmp_path / "rbuild.toml").write_text('[targets.cross]\ncommand = "x"\n')
    return tmp_path


def test_commands_and_the_projects_targets(project: Path) -> None:
    assert completed(project, "rbuild", "") == sorted([*Rbuild.COMMANDS, "all", "b/x", "cross"])
    for words in (("plan",), ("reproduce",), ("run", "--target")):
        assert completed(project, "rbuild", *words, "") == ["all", "b/x", "cross"]
    assert completed(project.parent, "rbuild", "-C", str(project), "a") == ["all"]


def test_every_option_of_the_command_line(project: Path) -> None:
    application = Rbuild("rbuild")
    names = {f"--{name}" for name in application._switches_by_name if len(name) > 1}
    assert set(completed(project, "rbuild", "--")) == names


def test_clean_has_its_own_options_and_none_for_builds(project: Path) -> None:
    application = Rbuild("rbuild").command_named("clean")
    own = {"--images", "--volumes", "--bases", "--everywhere", "--yes", "--dry-run"}
    offered = set(completed(project, "rbuild", "clean", "--"))
    assert own <= offered <= {f"--{name}" for name in application._switches_by_name}
    assert not {"--build-arg", "--secret", "--checksums"} & offered


def test_values_of_options(project: Path) -> None:
    assert completed(project, "rbuild", "--backend", "b") == ["buildah"]
    assert completed(project, "rbuild", "bundles", "--format", "") == ["json", "text"]
    assert completed(project, "rbuild", "bundles", "v") == ["verify"]
