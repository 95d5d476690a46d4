"""A recipe's lines while its plan is made, not carried out: nothing of them is executed, and no
value that a line before them changes is built in.

The authority is `make -n`, which runs none of these either.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build import plan as plans
from rootless_build.errors import RecipeError
from rootless_build.plan import Unexpanded
from tests.unit.make_project import PATH, MakeProject

TOUCH = "touch $(CURDIR)/ran"
LINES = [
    'docker build --build-arg V="$$({})" .',
    "docker build --build-arg V=`{}` .",
    "docker build $$({} >&2; echo .)",
    "docker build $$(id -u; {}) .",
    "docker build $$(id -u && {}) .",
    "docker build $$(id -u | {}) .",
    "docker build $$(id $$({})) .",
    "docker build $${{V:-$$({})}} .",
    "docker build $${{V:=$$({})}} .",
    "docker build $${{HOME:+$$({})}} .",
    "docker build $${{HOME%%$$({})}} .",
    "docker build $${{HOME/$$({})/b}} .",
    "docker build $$((1 + $$({}; echo 1))) .",
    "docker build $$(({}; echo 1)) .",
    "docker build $$(sh -c '{}') .",
    "docker build $$(eval '{}') .",
    "docker build $$(exec {}) .",
    "docker build $$(env {}) .",
    "docker build $$(command {}) .",
    "docker build $$(if true; then {}; fi) .",
    "docker build $$(while {}; do break; done) .",
    "docker build $$(x=$$({}); echo $$x) .",
    "docker build $$(f() {{ {}; }}; f) .",
    "docker build $$(date; {}) .",
    "docker build $$(git -c alias.x='!{}' x) .",
    "docker build $$(git -c core.fsmonitor='{}' status) .",
    "docker build $$(git describe --dirty; {}) .",
    "docker build $$(printf '%s' \"$$({})\") .",
    "docker build $$(echo `{}`) .",
    'docker build "`echo "$$({})"`" .',
    "docker build $$(cat < $$({}; echo /dev/null)) .",
    "docker build $$(id > $$({}; echo /dev/null)) .",
    "docker build <({}) .",
    "docker build . > $$({}; echo /dev/null)",
    "docker build . 2> /dev/null $$({})",
    "V=$$({}) docker build .",
    "V=`{}` W=$$(id) docker build .",
    "cd $$({}; echo .) && docker build .",
    "docker $$({}; echo build) .",
    "$$({}; echo docker) build .",
    "docker run i $$({}) && docker build .",
    "docker build . && {} && docker build $$(id)",
    "docker build . || {}",
    'docker build - <<< "$$({})"',
    "{} && docker build .",
    "{}",
]


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return MakeProject(tmp_path)


@pytest.mark.parametrize("line", LINES)
def test_nothing_of_a_line_is_executed_while_it_is_planned(project: MakeProject, line: str) -> None:
    project.write(f"all:\n    {line.format(TOUCH)}\n")
    with contextlib.suppress(RecipeError):
        plans.to_json(project.plan())
    assert not (project.directory / "ran").exists()


@pytest.mark.parametrize(
    "program", ["id", "pwd", "uname", "echo", "basename", "tr", "printf", "which", "git", "date"]
)
def test_a_program_of_the_project_is_not_executed_under_a_usual_name(
    project: MakeProject, program: str
) -> None:
    own = project.directory / "bin" / program
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n" + TOUCH.replace("$(CURDIR)", str(project.directory)) + "\n")
    own.chmod(0o755)
    project.write(
        "export PATH := $(CURDIR)/bin:$(PATH)\n"
        f"all:\n    docker build $$({program} a) .\n    cd . && docker build `{program} a` .\n"
    )
    plans.to_json(project.plan())
    built_in = program in {"pwd", "echo", "printf"}
    assert built_in or not (project.directory / "ran").exists()


@pytest.mark.parametrize("words", [("plan",), ("plan", "--format", "json"), ("--dry-run",)])
def test_nor_by_the_commands_that_only_look(project: MakeProject, words: tuple[str, ...]) -> None:
    lines = "".join(f"    {line.format(TOUCH)}\n" for line in LINES[:8])
    project.write(f"all:\n{lines}")
    environment = {**os.environ, "PATH": PATH, "XDG_CACHE_HOME": str(project.directory / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", *words],
        cwd=project.directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("touch ") >= 8
    assert not (project.directory / "ran").exists()


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("echo new > ver", '--build-arg V="$$(cat ver)" .'),
        ("echo new > ver", "--build-arg V=`cat ver` ."),
        ("echo new > ver", "--build-arg V=$$(tail -n 1 ver) ."),
        ("echo new > ver", "--build-arg V=$$(tr a b < ver) ."),
        ("ln -sfn new link", "--build-arg V=$$(readlink link) ."),
        ("ln -sfn new link", "--build-arg V=$$(realpath link) ."),
        ("mv old.txt new.txt", "--build-arg V=1 *.txt"),
        ("./any", "--build-arg V=$$(git symbolic-ref HEAD) ."),
        ("docker run -v .:/x i", '--build-arg V="$$(cat ver)" .'),
        ("docker build -o . .", '--build-arg V="$$(cat ver)" .'),
        ("docker build --iidfile ver .", '--build-arg V="$$(cat ver)" .'),
    ],
)
def test_no_old_value_is_planned(project: MakeProject, first: str, words: str) -> None:
    directory = project.directory
    (directory / "ver").write_text("old\n")
    (directory / "link").symlink_to("old")
    (directory / "old.txt").touch()
    subprocess.run(["git", "init", "-q", "-b", "old", str(directory)], check=True)
    project.write(f"all:\n    {first}\n    docker build -t x {words}\n")
    plan = project.plan()
    last = plan.steps[-1]
    assert isinstance(last, Unexpanded)
    shown = json.dumps(plans.to_dict(last)).replace(first, "").replace(str(directory), "")
    assert "old" not in shown
