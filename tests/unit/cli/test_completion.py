"""Completion: what a person gets on Tab, by the shells themselves, and what rbuild answers them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rootless_build.cli import own_places
from rootless_build.cli.app import Rbuild
from rootless_build.cli.application import Application
from rootless_build.cli.completion import parser, table
from rootless_build.cli.completion.table import Table
from tests.unit.cli.completing import Offered, asked, completed, in_bash, in_fish, in_zsh, told

HCL = """
group "default" {
  targets = ["app"]
}
target "app" {
  matrix = {v = ["1", "2"]}
  name   = "app-${v}"
}
"""
JSON = """
{
  "group": {"default": {"targets": ["app-1"]}},
  "target": {"app-1": {}, "app-2": {}}
}
"""
Shell = Callable[[Path, Sequence[str], Path], Offered]


def options_of(application: Application) -> set[str]:
    return {f"--{name}" for name in application.switches if len(name) > 1}


@pytest.fixture(scope="module")
def known() -> Table:
    return parser.table()


@pytest.fixture(autouse=True)
def _known(known: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read all commands of the parser takes a second."""
    monkeypatch.setattr(table, "kept", lambda: known)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    place = tmp_path / "project"
    place.mkdir()
    (place / "Makefile").write_text("X := 1\n.PHONY: all\nall: b/x\n\techo x:\nb/x:\nenv ?= 1\n")
    return place


@pytest.mark.parametrize("shell", [in_bash, in_zsh, in_fish])
def test_what_the_shells_offer(project: Path, tmp_path: Path, shell: Shell) -> None:
    """A value behind `=` is what bash takes for a word; zsh and fish have the option before it."""
    option = "" if shell is in_bash else "--backend="
    file = "--makefile=" if shell is in_fish else ""
    expected = {
        "rbuild bun": ["bundles"],
        "rbuild -C . plan ": ["all", "b/x"],
        "rbuild clean --im": ["--images"],
        "rbuild --backend b": ["buildah"],
        "rbuild --backend=b": [f"{option}buildah"],
        "rbuild --makefile=Mak": [f"{file}Makefile"],
        "rbuild bundles ": ["list", "verify"],
        "rbuild base debian:b": ["bookworm" if shell is in_bash else "debian:bookworm"],
        "rbuild doctor --explain no-subi": ["no-subids"],
        "rbuild -f Mak": ["Makefile"],
        "rbuild exec -- setsi": ["setsid"],
        "rbuild nothing --nothing": [],
    }
    offered = shell(project, list(expected), tmp_path)
    assert {line: sorted(set(each)) for line, each in offered.items()} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_rbuild_has_the_scripts(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    file = Path(own_places.__file__).parent / "completion" / f"rbuild.{shell}"
    assert done.stdout == file.read_text()


def test_commands_and_the_projects_targets(project: Path) -> None:
    assert completed(project, "") == sorted([*Rbuild.COMMANDS, "all", "b/x"])
    for words in (("plan",), ("reproduce",), ("run", "--target"), ("--",), ("all",), ("make",)):
        assert completed(project, *words, "") == ["all", "b/x"]
    assert completed(project.parent, "-C", str(project), "a") == ["all"]
    assert completed(project, "--backend", "podman", "pl") == ["plan"]
    assert completed(project, "backends", "") == []


def test_the_targets_are_those_that_rbuild_takes(project: Path) -> None:
    recipe = '[container]\nimage = "x"\n[targets.cross]\ncommand = "x"\n'
    (project / "rbuild.toml").write_text(recipe)
    assert completed(project, "plan", "") == ["cross"]
    # Without an image or a container of its own it says something of the Makefile's targets.
    (project / "rbuild.toml").write_text("[targets.all]\nalways = true\n")
    assert completed(project, "plan", "") == ["all", "b/x"]
    (project / "rbuild.toml").write_text("nonsense")
    assert completed(project, "plan", "") == []


def test_targets_of_other_makefiles(project: Path) -> None:
    (project / "other.mk").write_text("other:\n")
    assert completed(project, "--makefile", "other.mk", "plan", "") == ["other"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("docker-bake.hcl", HCL),
        ("docker-bake.json", JSON),
        ("compose.yaml", "services: {app-1: {build: .}, app-2: {build: .}}\n"),
    ],
)
def test_targets_and_groups_of_a_bake_file(project: Path, name: str, text: str) -> None:
    (project / "Makefile").unlink()
    (project / name).write_text(text)
    assert {"app-1", "app-2", "default"} <= set(completed(project, "plan", ""))
    assert completed(project, "app-") == ["app-1", "app-2"]


@pytest.mark.parametrize("name", ["", *Rbuild.COMMANDS])
def test_the_options_that_a_command_takes_and_no_others(project: Path, name: str) -> None:
    root = Rbuild("rbuild")
    application = root.command_named(name) if name else root
    words = (name,) if name else ()
    assert set(completed(project, *words, "--")) == options_of(application)


def test_an_option_that_was_given_is_offered_again_where_it_may_be(project: Path) -> None:
    offered = completed(project, "-C", ".", "--env", "A=1", "--pull", "--")
    assert "--env" in offered
    assert not {"--directory", "--pull", "--no-pull"} & set(offered)


def test_values_of_options(project: Path) -> None:
    assert completed(project, "bundles", "--format", "") == ["json", "text"]
    assert completed(project, "bundles", "--format=j") == ["--format=json"]
    assert asked(project, "plan", "-C", "../pr").kind == "directories"
    assert asked(project, "sign", "--key", "").kind == "files"
    # It is one in the container.
    assert asked(project, "--cache-volume", "").kind == "words"
    assert asked(project, "run", "--", "").kind == "files"
    assert asked(project, "exec", "--", "").kind == "programs"
    assert asked(project, "exec", "--", "x", "").kind == "files"


def test_backends_of_other_distributions(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = tmp_path / "site" / "toy-1.dist-info"
    plugin.mkdir(parents=True)
    (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    (plugin / "entry_points.txt").write_text("[rootless_build.backends]\ntoy = toy:Toy\n")
    monkeypatch.setenv("PYTHONPATH", str(plugin.parent))
    assert told(project, "--backend", "t") == "words\ntoy\t\n"


def test_runs_that_are_kept(project: Path) -> None:
    directory = own_places.history_directory(project)
    for number, status in ((3, 0), (4, 1)):
        place = directory / str(number)
        place.mkdir(parents=True)
        outcome = {"ended": "2026-01-01T00:00:00+00:00", "status": status, "seconds": 1.0}
        record = {
            "version": 1,
            "number": number,
            "title": "rbuild all",
            "project": str(project),
            "started": "2026-01-01T00:00:00+00:00",
            "outcome": outcome,
        }
        (place / "run.json").write_text(json.dumps(record))
    for command in ("log", "debug"):
        assert completed(project, command, "") == ["3", "4"]
    assert completed(project, "log", "4") == ["4"]
    assert completed(project, "log", "4", "") == []
    assert completed(project, "history", "") == ["diff"]
    assert completed(project, "history", "diff", "") == ["3", "4"]
    assert completed(project, "history", "diff", "3", "") == ["3", "4"]
    assert completed(project, "history", "diff", "3", "4", "") == []


def test_names_that_would_change_the_line_are_no_offer(project: Path) -> None:
    recipe = '[container]\nimage = "x"\n[targets."a\\u001b[31m\\n"]\n[targets."b c"]\n'
    recipe += '[targets.d]\ndescription = "one\\ttwo\\n\\u001b[31mthree"\n'
    (project / "rbuild.toml").write_text(recipe)
    assert told(project, "plan", "") == "words\nb c\t\nd\tone two [31mthree\n"


def test_nothing_of_the_project_is_run_and_no_engine(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "Makefile").write_text("X := $(shell touch run)\nall: ; true\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("make", "podman", "buildah", "docker", "sh", "git"):
        program = programs / name
        program.write_text(f"#!/bin/bash\necho {name} >>{tmp_path}/started\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    for words in (("plan", ""), ("",), ("--backend", ""), ("base", ""), ("log", "")):
        told(project, *words)
    assert not (project / "run").exists()
    assert not (tmp_path / "started").exists()


def test_what_the_parser_knows_is_kept_and_damage_is_no_matter(
    project: Path, tmp_path: Path
) -> None:
    offered = told(project, "clean", "--")
    (kept,) = (tmp_path / "cache" / "rbuild" / "completion").iterdir()
    kept.write_text("{")
    (kept.parent / "of-another-version.json").write_text("{}")
    assert told(project, "clean", "--") == offered
    assert list(kept.parent.iterdir()) == [kept]
    assert json.loads(kept.read_text())


def test_where_nothing_can_be_kept_it_is_read_each_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert told(project, "clean", "--im") == "words\n--images\talso the images that rbuild built\n"


def test_a_tab_imports_neither_the_parser_nor_what_builds(project: Path) -> None:
    told(project, "")
    for words in (("clean", "--"), ("plan", ""), ("--backend", ""), ("log", "")):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "rootless_build", *words],
            cwd=project,
            env={**os.environ, "_RBUILD_COMPLETE": "bash"},
            capture_output=True,
            text=True,
            check=True,
        )
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        heavy = {"rootless_build.cli.app", "plumbum.cli", "rootless_build.recipes.front_ends"}
        assert "rootless_build.cli.completion.answer" in imported
        assert not imported & heavy
