"""Docker's words that the shell expands when their turn comes, held against make itself.

The authority is GNU make with a docker first on PATH that writes down what it is called with: the
same recipe, in the same directory. What rbuild plans, and expands between the lines, has to be what
each of these calls is, word for word.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import (
    BuildImage,
    HostCommand,
    Origin,
    RunContainer,
    Step,
    Unexpanded,
)
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.recipes import front_ends
from rootless_build.recipes.config import Config
from rootless_build.recipes.docker import argv as docker_argv
from rootless_build.recipes.make import expansion
from rootless_build.runner import run as runner
from rootless_build.runner.options import ExpansionOptions, Options
from tests.unit.recipes.make import make_project
from tests.unit.recipes.make.make_project import PATH, MakeProject
from tests.unit.runner.fake_engine import FakeEngine, write

_RECORDER = """#!{python} -IS
import json, os, sys
pairs = open("/proc/self/environ", "rb").read().decode(errors="surrogateescape").split("\\0")
given = dict(pair.split("=", 1) for pair in pairs if pair)
with open({log!r}, "a") as log:
    print(json.dumps([sys.argv[1:], os.getcwd(), given]), file=log)
"""
Done = tuple[list[Step], int]
"""Steps, and a status of make's."""


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM scratch\n")
    return MakeProject(directory)


def silent(*_: object) -> None:
    """Takes output."""


def by_make(project: MakeProject, place: Path) -> Done:
    """The steps that docker's calls are, as make has docker called; and make's own status."""
    programs, log = place / "programs", place / "calls"
    programs.mkdir()
    (programs / "docker").write_text(_RECORDER.format(python=sys.executable, log=str(log)))
    (programs / "docker").chmod(0o755)
    environment = {"PATH": f"{programs}:{PATH}", "HOME": str(place)}
    done = subprocess.run(
        ["make"], cwd=project.directory, env=environment, check=False, capture_output=True
    )
    made: list[Step] = []
    for line in log.read_text().splitlines() if log.exists() else ():
        argv, directory, given = json.loads(line.replace(f"{programs}:", ""))
        context = docker_argv.Context(Path(directory), given, Origin(""))
        made += docker_argv.steps(argv, context)[0]
    return made, done.returncode


def by_rbuild(project: MakeProject, place: Path, *, goes_on: bool = False) -> Done:
    """The steps of the plan, what is between them done, and 2 where one fails, as with make."""
    plan = project.plan(HOME=str(place))
    made: list[Step] = []
    number = 0
    while number < len(plan.steps):
        step = plan.steps[number]
        try:
            if isinstance(step, Unexpanded):
                plan = front_ends.expand(plan, step, silent, Config())
                continue
        except StepFailedError:
            if not goes_on:
                return made, 2
        number += 1
        if not isinstance(step, Unexpanded):
            if isinstance(step, HostCommand):
                status = programs.stream(
                    [*step.shell, step.script],
                    silent,
                    environment=programs.exactly(dict(step.environment)),
                    directory=step.directory,
                )
                if status and not step.ignore_errors:
                    return made, 2
            else:
                made.append(step)
    return made, 0


def bare(steps: list[Step]) -> list[Step]:
    """Without what only one of both ways can know."""
    return [
        replace(step, origin=None, always=False)
        if isinstance(step, RunContainer)
        else replace(step, origin=None)
        for step in steps
    ]


def both(project: MakeProject, place: Path, *, goes_on: bool = False) -> tuple[Done, Done]:
    """What rbuild comes to, and what make does, in the same directory. `goes_on`: a line that fails
    has `-` before it, with which rbuild ends all the same.
    """
    before = place / "before"
    shutil.copytree(project.directory, before, symlinks=True)
    wanted = by_make(project, place)
    shutil.rmtree(project.directory)
    shutil.copytree(before, project.directory, symlinks=True)
    made = by_rbuild(project, place, goes_on=goes_on)
    return (bare(made[0]), made[1]), (bare(wanted[0]), wanted[1])


@pytest.mark.parametrize(
    "recipe",
    [
        "docker run i $$(command -v docker >/dev/null && echo there)",
        'docker run i "$$(which docker || echo none)x"',
        "docker run i $$(basename $$(command -v docker))",
    ],
)
def test_a_recipe_finds_the_docker_that_rbuild_stands_in_for(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    """A host without one has no docker anywhere on PATH."""
    place = tmp_path / "without"
    place.mkdir()
    for name in ("make", "sh", "env", "cat", "basename", "which"):
        (place / name).symlink_to(shutil.which(name, path=PATH) or name)
    monkeypatch.setattr(make_project, "PATH", str(place))
    project.write(f"all:\n    {recipe}\n")
    ((step,), status) = by_rbuild(project, tmp_path)
    assert isinstance(step, RunContainer)
    assert status == 0
    assert step.command
    assert step.command[0].startswith(("there", "docker"))


RUN = "docker run --rm i"
WORDS = [
    '"$$(cat ver)"',
    "$$(cat ver)",
    "`cat ver`",
    '"`cat ver`"',
    "'$$(cat ver)'",
    "a$$(cat ver)b",
    '"a $$(cat ver) b"',
    "$$(cat ver spaces)",
    '"$$(cat ver spaces)"',
    "$$(cat spaces)",
    "$$(cat lines)",
    '"$$(cat lines)"',
    "$$(cat lines | head -n 1)",
    "$$(cat lines; echo more)",
    "$$(cat empty)",
    '"$$(cat empty)"',
    "x$$(cat empty)",
    "$$(false)",
    "$$(exit 7)",
    '"$$(cat nothing)"',
    "$$(cat nothing 2>/dev/null || echo no)",
    "$${V:-$$(cat ver)}",
    '"$${V:-$$(cat ver)}"',
    "$${V:=$$(cat ver)}",
    "$${HOME:+$$(cat ver)}",
    "$$(echo $$(cat ver))",
    '"$$(echo "$$(cat spaces)")"',
    '$$(echo "$$(cat spaces)" | tr a-z A-Z)',
    "$$(( $$(cat number) + 1 ))",
    "$$(($$(cat number) * $$(cat number)))",
    "$$(cat star)",
    '"$$(cat star)"',
    "$$(cat star)*",
    "*.txt$$(cat empty)",
    "$$(ls *.txt)",
    "~/$$(cat ver)",
    '"~"/$$(cat ver)',
    "$$(cat tilde)",
    "$$(cat quotes)",
    '"$$(cat quotes)"',
    "$$(cat dollar)",
    '"$$(cat dollar)"',
    "$$(cat backslash)",
    '"$$(cat backslash)"',
    "$$(printf 'a\\nb\\n\\n\\n')x",
    "$$(printf 'a\\tb')",
    "$$(sed s/1/2/ ver)",
    "$$(cat < ver)",
    "$$(cat ver) -- $$(cat number) $$(cat spaces)",
    "$$(git describe)",
    "$$(git rev-parse HEAD || echo none)",
    "$$(./script one 'two three')",
    '"$$(./script)"',
    "$$(if test -e ver; then echo yes; else echo no; fi)",
    "$$(for x in 1 2 3; do echo $$x; done)",
    "$$(case x in x) echo y ;; esac)",
    "$$(cd sub && pwd)",
    '"$$(cd sub && cat inner)"',
    "$$(X=1; echo $$X)$$X",
    "$$(cat ver)	$$(cat ver)",
    "$$(cat ver) \\\n\t\t$$(cat number)",
    "-e A=$$(cat ver)",
    "$$(cat bytes)",
    "$$(basename $$(cat ver) .3)",
    "$$(wc -l < lines)",
    "$$(awk '{ print $$1 }' spaces)",
    "{a,b}$$(cat ver)",
    "$$(cat ver) 2>/dev/null",
    "2>&1 $$(cat ver)",
    "$$(cat ver) # $$(cat number)",
    "[ab].txt $$(cat ver)",
    "$$(cat ver);",
]


OF_ITS_SHELL = [
    "$$(cat ver) *.none",
    "$$(false) $$(cat nothing)",
    '"$$(cat nothing | cat)"',
    "$$(cat <<< abc)",
    "$$(< ver)",
    "$${HOME/$$(cat ver)/b} $${HOME^^}",
    "{a,b}$$(cat ver)",
    "$$'a\\tb'$$(cat ver)",
    "$$NOT_SET$$(cat ver)",
]


def fill(directory: Path) -> None:
    """Files that words are made of."""
    (directory / "sub").mkdir()
    for name, text in (
        ("ver", "1.2.3\n"),
        ("spaces", "  one  two\tthree \n"),
        ("lines", "first line\nsecond\n\n"),
        ("empty", ""),
        ("number", "41\n"),
        ("star", "*.txt\n"),
        ("tilde", "~\n"),
        ("quotes", "'a b' \"c d\"\n"),
        ("dollar", "$HOME $(id) `id`\n"),
        ("backslash", "a\\ b\\\\c\\n\n"),
        ("a.txt", ""),
        ("b.txt", ""),
        ("sub/inner", "in side\n"),
    ):
        (directory / name).write_text(text)
    (directory / "bytes").write_bytes(b"\xff\xe9 \xc3\xa9\n")
    script = directory / "script"
    script.write_text('#!/bin/sh\nprintf \'%s|\' "$#" "$@" "$PWD"\n')
    script.chmod(0o755)


@pytest.fixture(scope="module")
def of_words(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Step], list[Step], list[str]]:
    """What rbuild comes to for each of the words, and make; and the notes of the plan."""
    place = tmp_path_factory.mktemp("words")
    project = MakeProject(place / "project")
    project.directory.mkdir()
    fill(project.directory)
    project.write("all:\n" + "".join(f"    {RUN} {words}\n" for words in WORDS))
    made, wanted = both(project, place)
    assert (made[1], len(made[0])) == (wanted[1], len(WORDS))
    return made[0], wanted[0], []


@pytest.mark.parametrize("number", range(len(WORDS)), ids=WORDS)
def test_words_are_what_the_shell_makes_of_them(
    of_words: tuple[list[Step], list[Step], list[str]], number: int
) -> None:
    made, wanted, _ = of_words
    assert made[number] == wanted[number]


@pytest.mark.parametrize(
    "recipe",
    [
        # What lines before it leave.
        'echo 1.2.3 > v\n    docker build --build-arg V="$$(cat v)" .',
        'echo 1.2.3 > v && docker build --build-arg V="$$(cat v)" .',
        "rm ver; :\n    docker run i $$(cat ver)",
        "mkdir d && echo x > d/y\n    cd d && docker run i $$(cat y)",
        "mkdir d\n    cd d && docker run -v $$(pwd):/x i $$(ls)",
        "touch 1.new 2.new\n    docker run i *.new",
        "ln -s sub cur\n    docker run i $$(readlink cur) $$(realpath cur)",
        "git init -q . && $(COMMIT) && docker run i $$(git log --format=%s)",
        # Where it is, and with which variables.
        "cd sub && docker run i $$(cat inner)",
        "cd sub/.. && docker run -v .:/x i $$(cat ver)",
        "V=7 docker run -e V i $$(cat ver)",
        'V="$$(cat ver)" docker run -e V i',
        "V=7 docker run i $$V $$(cat ver)",
        "A=1 B=$$(cat spaces) docker run -e A -e B i",
        "PATH=/nowhere:$$PATH docker run i $$(cat ver)",
        'docker run i "$$EXPORTED" $$(cat ver) $$EXPORTED',
        "docker run -e EXPORTED i $$(printenv EXPORTED)",
        "IFS=. docker run i $$(cat ver)",
        "docker run i $$(echo $$PATH)",
        "docker run i $$(command -v docker >/dev/null && echo there)",
        # More than one command.
        "docker build -t t:$$(cat ver) . && docker run t:$$(cat ver)",
        "docker build -t t:$$(cat ver) . || exit 1",
        "docker run i $$(cat ver) && echo fine > fine\n    docker run i $$(cat fine)",
        "-docker run i $$(cat ver)",
        "@docker run i $$(cat ver)",
        "docker tag t:1 t:$$(cat ver)",
        "docker volume rm $$(cat ver)",
        "docker pull t:$$(cat ver)",
        "docker build $$(cat empty) .",
        "docker build $$(false) .",
        "docker $$(cat empty) build .",
        "docker $$(echo build) .",
        "docker build --iidfile id -t t .\n    docker run i *",
        # A shell that does not come to it.
        "docker run i $${NOT_SET?no} $$(cat ver)",
        "docker run i $${HOME/$$(cat ver)/b}",
        'docker run i $$(cat ver) "$$(exit 3)"',
        "docker run i $$(( $$(cat ver) ))",
    ],
)
def test_recipes_are_what_make_makes_of_them(
    project: MakeProject, tmp_path: Path, recipe: str
) -> None:
    fill(project.directory)
    tagged = "docker pull t:1\n    " if "docker tag" in recipe else ""
    commit = "git -c user.name=a -c user.email=a@b commit -qm x --allow-empty"
    project.write(f"COMMIT = {commit}\nexport EXPORTED = a  b\nall:\n    {tagged}{recipe}\n")
    made, wanted = both(project, tmp_path)
    assert made == wanted


@pytest.mark.parametrize(
    "settings",
    [
        "SHELL := /bin/bash",
        "SHELL := /bin/bash\n.SHELLFLAGS := -euo pipefail -c",
        ".SHELLFLAGS := -ec",
        ".SHELLFLAGS := -fc",
        "SHELL := /bin/bash\n.SHELLFLAGS := -O nullglob -c",
        "SHELL := /bin/bash\n.SHELLFLAGS := -O extglob -c",
    ],
)
def test_the_shell_is_the_recipes(project: MakeProject, tmp_path: Path, settings: str) -> None:
    fill(project.directory)
    lines = "".join(f"    -{RUN} {words}\n" for words in OF_ITS_SHELL)
    project.write(f"{settings}\nall:\n{lines}")
    made, wanted = both(project, tmp_path, goes_on=True)
    assert made == wanted
    assert made[0]


# --- files that docker's command line names, and a line before it writes ------------------------


@pytest.mark.parametrize(
    "recipe",
    [
        "echo A=2 > env\n    docker run --env-file env i",
        "echo A=2 > env && docker run --env-file=env -e B=1 i",
        "cp other env\n    docker run --label-file env i",
        "mkdir d && echo A=3 > d/env\n    cd d && docker run --env-file env i",
        "echo A=2 > env\n    docker run --env-file ./sub/../env i",
        "sed -i s/one/two/ docker-bake.hcl\n    docker buildx bake two",
        "cp bake.hcl two.hcl; echo >> two.hcl\n    docker buildx bake -f two.hcl one",
    ],
)
def test_files_of_the_command_line_are_read_in_their_turn(
    project: MakeProject, tmp_path: Path, recipe: str
) -> None:
    fill(project.directory)
    (project.directory / "env").write_text("A=1\n")
    (project.directory / "other").write_text("C=4\n")
    for name in ("docker-bake.hcl", "bake.hcl"):
        text = 'target "default" { tags = ["a"] }\ntarget "one" { tags = ["b"] }\n'
        (project.directory / name).write_text(text)
    project.write(f"all:\n    {recipe}\n")
    assert isinstance(project.steps()[-1], Unexpanded)
    made, wanted = both(project, tmp_path)
    assert made == wanted


@pytest.mark.parametrize(
    "first",
    [
        "mkdir -p bundles",
        "@echo building",
        "chmod 0755 .",
        "docker run -v $(CURDIR)/bundles:/b i",
        "docker run -v $(CURDIR):/b:ro i",
        "docker build -o bundles .",
        "docker build --iidfile bundles/id .",
    ],
)
def test_what_no_line_before_it_may_write_is_read_now(project: MakeProject, first: str) -> None:
    (project.directory / "env").write_text("A=1\n")
    (project.directory / "docker-bake.hcl").write_text('target "default" { tags = ["a"] }\n')
    project.write(f"all:\n    {first}\n    docker buildx bake\n    docker run --env-file env i\n")
    bake, run = project.steps()[-2:]
    assert isinstance(bake, BuildImage)
    assert isinstance(run, RunContainer)
    assert run.environment == (("A", "1"),)


@pytest.fixture(params=[0o620, 0], ids=["own", "after-su"])
def terminal(request: pytest.FixtureRequest) -> Iterator[None]:
    """Standard input is a terminal; after `su` it is one that the user may not open."""
    ours, theirs = os.openpty()
    os.fchmod(theirs, request.param)
    before = os.dup(0)
    os.dup2(theirs, 0)
    yield
    os.dup2(before, 0)
    for one in (before, ours, theirs):
        os.close(one)


@pytest.mark.usefixtures("terminal")
def test_words_may_ask_whether_there_is_a_terminal_and_wait_for_nobody(
    project: MakeProject,
) -> None:
    (project.directory / "ver").write_text("1\n")
    project.write("all:\n    docker run i $$(cat ver; [ -t 0 ] && echo is one; cat <&0)\n")
    (step,) = project.steps()
    assert isinstance(step, Unexpanded)
    ((made,), _) = expansion.expand(step, silent)
    assert isinstance(made, RunContainer)
    assert made.command == ("1", "is", "one")


# --- whether anything has to be done ------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "times"),
    [
        ("$$(echo x >> log; echo x)", 1),
        ("$$(./count)", 1),
        ("$$(cat ver)", 0),
    ],
)
def test_a_command_that_does_something_is_run_once(
    project: MakeProject, tmp_path: Path, words: str, times: int
) -> None:
    """What only looks may be asked before too: whether the containers have to be run at all."""
    fill(project.directory)
    count = project.directory / "count"
    count.write_text("#!/bin/sh\necho x >> log\n")
    count.chmod(0o755)
    run = "docker run -v ./bundles:/b"
    project.write(f"binary:\n    {run} i one\n    {run} -e W={words} i two\n")
    for number in (1, 2):
        planned = GrowingRecipe(Config(), project.plan(), lambda plan: plan)
        engine = FakeEngine({"i": Image("1" * 64)}, work=write("made", "x"))
        freshness = PlanFreshness(planned.plan, (), tmp_path / "cache")
        options = Options(expansion=ExpansionOptions(planned.expand, planned.foreseen))
        summary = runner.run(planned.plan, engine, options, silent, freshness)
        assert [step.command for step in engine.containers] == (
            [("one",), ("two",)] if number == 1 or times else []
        )
        assert summary.done is bool(engine.containers)
    log = project.directory / "log"
    assert (log.read_text().count("x") if log.exists() else 0) == 2 * times
