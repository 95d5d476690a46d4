"""A plan in a file is a script that does what make would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rootless_build.cli.views.pasting import comment, host_command
from rootless_build.model.plan import SHELL, HostCommand
from tests.unit.recipes.make.make_project import MakeProject


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "a project"
    place.mkdir()
    return place


def written(
    project: Path, *options: str, command: str = "plan", words: Sequence[str] = (), **env: str
) -> bytes:
    """What `rbuild plan`, or another command, writes to a file."""
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", *options, command, *words],
        cwd=project,
        env={**os.environ, "XDG_CONFIG_HOME": str(project / "none"), **env},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def ran(script: bytes, place: Path) -> tuple[int, str]:
    """The status and the output of a script; `sh` is the host's own."""
    file = place / "build.sh"
    file.write_bytes(script)
    done = subprocess.run(["/bin/sh", str(file)], capture_output=True, check=False)
    return done.returncode, os.fsdecode(done.stdout)


def test_a_plan_in_a_file_does_what_make_does(project: Path, tmp_path: Path) -> None:
    """Each line is held against GNU make's own run of the same Makefile."""
    MakeProject(project).write(
        """\
        export GREETING := hello there
        all:
            echo $$GREETING # a comment, and a )
            @echo 'it;s'; false; echo "a && b"
            -false
            echo one \\
            two
            test -f "$$0" || for n in 1 2; do echo $$n; done
            cd / && echo $$PWD
            @case x in (x) echo case;; esac
        """
    )
    made = subprocess.run(["make", "-s"], cwd=project, capture_output=True, text=True, check=True)
    assert ran(written(project), tmp_path) == (0, made.stdout)


def test_a_make_of_a_script_has_the_users_variables(project: Path, tmp_path: Path) -> None:
    (project / "own.mk").write_text("all: ; @echo $(A)\n")
    MakeProject(project).write("all:\n    @sh -c 'm=make; $$m -s -f own.mk'\n")
    assert ran(written(project, words=("A=b c",)), tmp_path) == (0, "b c\n")


def test_a_step_that_fails_ends_the_script(project: Path, tmp_path: Path) -> None:
    MakeProject(project).write("all:\n    echo 1\n    exit 3\n    echo 2\n")
    status, said = ran(written(project), tmp_path)
    assert (status, said) == (3, "1\n")


def test_no_name_becomes_a_command(tmp_path: Path) -> None:
    place = tmp_path / "a\necho owned #"
    place.mkdir()
    lines = (*comment(f"bundles: {place}"), host_command(HostCommand("pwd", place)))
    assert ran("\n".join(lines).encode(), tmp_path) == (0, f"{place}\n")
    assert list(comment("a\nb\x1b")) == ["# a", "# b\\x1b"]


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "iso8859-1"])
def test_a_path_that_is_not_of_the_outputs_encoding(tmp_path: Path, encoding: str) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9")
    place.mkdir()
    MakeProject(place).write("all:\n    pwd\n")
    script = written(place, PYTHONIOENCODING=encoding)
    assert ran(script, tmp_path)[0] == 0
    assert b"caf\xe9" in script
    for options, words in ((("--log-format=json",), ()), ((), ("--format", "json"))):
        shown = written(place, *options, words=words, PYTHONIOENCODING=encoding)
        assert b"caf\\udce9" in shown


def test_a_project_and_directories_of_any_bytes(tmp_path: Path) -> None:
    """Of a bake file whose targets build on each other, and of a Makefile with others' files."""
    place = tmp_path / os.fsdecode(b"caf\xe9")
    (place / "baked").mkdir(parents=True)
    (place / "baked" / "Dockerfile").write_text("FROM scratch\n")
    (place / "baked" / "docker-bake.hcl").write_text(
        'target "default" {\n  contexts = { b = "target:base" }\n}\ntarget "base" {}\n'
    )
    assert b"--tag" in written(place / "baked")
    assert b"caf\xe9" in written(place / "baked", command="run", words=("--dry-run", "--", "true"))
    MakeProject(place).write("all:\n    echo $(MORE)\n")
    MakeProject(place).write("MORE = more\n", "more.mk")
    (place / "tmp").mkdir()
    script = written(place, MAKEFILES=str(place / "more.mk"), TMPDIR=str(place / "tmp"))
    assert ran(script, tmp_path) == (0, "more\n")


def test_a_text_that_the_encoding_has_not_is_escaped(tmp_path: Path) -> None:
    MakeProject(tmp_path).write("all:\n    echo ☕\n")
    assert b"echo \\u2615" in written(tmp_path, PYTHONIOENCODING="ascii:strict")


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("make -C x 'a b' $HOME", "make -C x 'a b' $HOME"),
        ("a; b", "/bin/sh -c 'a; b'"),
        ("a 'b", """/bin/sh -c 'a '"'"'b'"""),
        ("if true", "/bin/sh -c 'if true'"),
    ],
)
def test_a_simple_command_stays_as_it_is(script: str, shown: str) -> None:
    step = HostCommand(script, Path("/p"))
    assert step.shell == SHELL
    assert host_command(step, {}) == f"(cd /p && {shown})"


def test_a_script_that_may_call_docker_is_named(project: Path) -> None:
    MakeProject(project).write("all:\n    ./build.sh\n    echo docker\n")
    lines = written(project).decode().splitlines()
    named = [number for number, line in enumerate(lines) if "may call docker" in line]
    assert ["&& ./build.sh)" in lines[number + 1] for number in named] == [True]
    assert "may call docker" not in written(project, words=("--no-live",)).decode()


@pytest.mark.parametrize(
    ("command", "words", "helps"),
    [("run", ("--", "true"), "rbuild exec -- docker run"), ("reproduce", (), "run it twice")],
)
def test_who_needs_a_plan_says_what_to_do_without_one(
    project: Path, command: str, words: Sequence[str], helps: str
) -> None:
    MakeProject(project).write("all:\n    docker run --rm image make | cat\n")
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", command, *words],
        cwd=project,
        env={**os.environ, "XDG_DATA_HOME": str(project / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "it runs live alone" in done.stderr
    assert helps in done.stderr
