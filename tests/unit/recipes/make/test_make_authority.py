"""What recipes run in, against make itself: each Makefile is also made for real, by the make there
is, and what its recipe says must be what rbuild's step would say.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import HostCommand
from rootless_build.process import programs
from rootless_build.recipes.make import makefile, recipe
from rootless_build.recipes.request import Request
from tests.unit.recipes.make.make_project import PATH, MakeProject

_OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR"}
"""Told by make to the makes it starts, and no business of other programs."""


def made(directory: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The Makefile's default goal, made by make."""
    return subprocess.run(
        ["make", "--no-print-directory"],
        cwd=directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


def commands(directory: Path, environment: Mapping[str, str]) -> list[HostCommand]:
    found = makefile.makefile_of(directory)
    assert found is not None
    steps = recipe.read(Request(directory, (), (), dict(environment), False), found).steps
    assert all(isinstance(step, HostCommand) for step in steps)
    return [step for step in steps if isinstance(step, HostCommand)]


# --- the shell ------------------------------------------------------------------------------------

SHELLS = [
    "",
    "SHELL := /bin/bash -o pipefail",
    "SHELL := bash\n.SHELLFLAGS := -eu -o pipefail -c",
    "SHELL = /usr/bin/env bash -o pipefail",
    "SHELL = /usr/bin/env bash",
    "SHELL = /usr/bin/env -S bash -u",
    "SHELL := $(shell which bash) -o pipefail",
    "SHELL = /bin/bash -u\n.SHELLFLAGS = -euo pipefail -c",
    "SHELL = /bin/bash -O extglob",
    "SHELL = /bin/bash\n.SHELLFLAGS = -c 'set -f; eval \"$$0\"'",
    "SHELL = /bin/bash\n.ONESHELL:",
    ".POSIX:\nSHELL = /bin/bash -o pipefail",
    "all: SHELL = /bin/bash -o pipefail",
    "all: .SHELLFLAGS = -f -c",
    "export SHELL = /bin/bash",
]


@pytest.mark.parametrize("head", SHELLS)
def test_recipes_run_in_makes_shell(tmp_path: Path, head: str) -> None:
    (tmp_path / "Makefile").write_text(
        f"{head}\nall:\n"
        "\t@echo $$- {a,b} $$#; (false | true) && echo ok || echo no\n"
        "\t@echo plain $$SHELL *\n"
        '\t@echo "quo  ted" \\\n\t  and more\n'
    )
    environment = {"PATH": PATH, "HOME": "/", "SHELL": "/bin/zsh", "PWD": str(tmp_path)}
    said = ""
    for step in commands(tmp_path, environment):
        done = programs.capture(
            [*step.shell, step.script],
            environment=programs.exactly(dict(step.environment)),
            directory=step.directory,
        )
        assert done.status == 0
        said += done.text
    assert said == made(tmp_path, environment).stdout


@pytest.mark.parametrize("head", SHELLS)
def test_docker_lines_are_expanded_in_makes_shell(tmp_path: Path, head: str) -> None:
    (tmp_path / "Makefile").write_text(f"{head}\nall: ; @echo run i {{a,b}} $$- x\n")
    environment = {"PATH": PATH, "HOME": "/", "PWD": str(tmp_path)}
    said = made(tmp_path, environment).stdout.split()
    text = (tmp_path / "Makefile").read_text()
    (tmp_path / "Makefile").write_text(text.replace("@echo", "docker"))
    assert ["run", "i", *MakeProject(tmp_path).run().command] == said


@pytest.mark.parametrize("shell", ["python3", "/usr/bin/env python3", "env", '"/bin/bash"', ""])
def test_what_is_no_shell_is_refused_for_docker(tmp_path: Path, shell: str) -> None:
    (tmp_path / "Makefile").write_text(f"SHELL = {shell}\nall: ; docker run i\n")
    with pytest.raises(RecipeError, match="and no shell"):
        MakeProject(tmp_path).plan()


# --- the environment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "",
        "export A = 1",
        "export",
        ".EXPORT_ALL_VARIABLES:",
        "export SHELL = /bin/sh",
        "unexport PWD",
        "export PWD",
        "PWD := x\nexport PWD",
        "override PWD = /x",
        "PWD := $(CURDIR)",
        "unexport HOME",
        "export OLDPWD = 1",
        "export SHLVL = 7",
        "export _ = 3",
        "export MAKE",
        "export CMD = $(MAKE) -C x",
        "export LC_ALL = C",
        "export LC_MESSAGES = de",
        "export LANG = x",
        "all: export C = 4",
        "export PATH := $(CURDIR)/bin:$(PATH)",
    ],
)
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"SHELL": "/bin/zsh"},
        {"SHELL": "/bin/sh", "LC_ALL": "C.UTF-8", "LANG": "x"},
        {"LC_MESSAGES": "de", "LANGUAGE": "fr", "SHLVL": "4", "OLDPWD": "/", "_": "/q"},
    ],
    ids=["plain", "SHELL", "locale", "shell's own"],
)
def test_the_environment_is_makes_own(tmp_path: Path, head: str, given: dict[str, str]) -> None:
    # `env` alone is started by make itself: no shell adds to what it gets.
    (tmp_path / "Makefile").write_text(f"{head}\nall:\n\t@env -0\n")
    agrees(tmp_path, {"PATH": PATH, "HOME": "/", "PWD": str(tmp_path), **given})


@pytest.mark.parametrize("head", ["", "export A = 1", "unexport PWD", "export", "PWD := $(CURDIR)"])
def test_no_pwd_is_added_where_there_was_none(tmp_path: Path, head: str) -> None:
    (tmp_path / "Makefile").write_text(f"{head}\nall:\n\t@env -0\n")
    agrees(tmp_path, {"PATH": PATH})


def agrees(tmp_path: Path, environment: Mapping[str, str]) -> None:
    """The only recipe's environment is what make says by `env -0`."""
    pairs = made(tmp_path, environment).stdout.split("\0")[:-1]
    wanted = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    (step,) = commands(tmp_path, environment)
    assert dict(step.environment) == {
        name: value for name, value in wanted.items() if name not in _OF_MAKE
    }


def test_a_program_of_the_projects_does_not_answer_for_make(tmp_path: Path) -> None:
    for name in ("cp", "cat", "env", "sh"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        program.chmod(0o755)
    (tmp_path / "Makefile").write_text("export PATH = $(CURDIR)/bin\nall: ; @echo $$PATH\n")
    (step,) = commands(tmp_path, {"PATH": os.defpath})
    assert dict(step.environment)["PATH"] == str(tmp_path / "bin")
    assert not (tmp_path / "ran").exists()
