"""Words and options that a person gets wrong: none is dropped, and each is told with what helps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.backend.named_engines import NAMING
from rootless_build.cli import app
from tests.unit.recipes.make.make_project import MakeProject

MAKEFILE = """
all: ; docker run i all $(FOO)
binary cross: ; docker run i $@ $(FOO)
clean: ; echo cleaning
plan: ; echo planning
help: ; @echo targets of the project
shell: ; docker run i sh $(FOO)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a Makefile and a Dockerfile."""
    MakeProject(tmp_path).write(MAKEFILE)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("RBUILD_BACKEND", raising=False)
    return tmp_path


def refused(capfd: pytest.CaptureFixture[str], *words: str, status: int = 2) -> str:
    """What is said of words that are wrong; nothing is said on standard output."""
    assert app.run(["rbuild", *words]) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cross", "plan"), "rbuild make cross plan"),
        (("binary", "cross", "reproduce"), "write: rbuild reproduce binary cross"),
        (("FOO=1", "nosuch", "plan", "-v"), "write: rbuild plan FOO=1 nosuch -v"),
        (("binary", "clean"), "to build the targets: rbuild make binary clean"),
        (("binary", "doctor"), "two commands: rbuild binary, and rbuild doctor"),
        (("binary", "run", "--", "ls", "-l"), "rbuild binary, and rbuild run -- ls -l"),
        (("cross", "help"), "rbuild make cross help"),
        (("binary", "make", "cross"), "write: rbuild make binary cross"),
    ],
)
def test_words_before_a_command_are_refused_with_how_to_write_it(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused(capfd, *words)


def test_without_a_target_of_that_name_only_the_command_is_meant(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "Makefile").write_text("cross: ; true\n")
    err = refused(capfd, "cross", "plan")
    assert "rbuild make" not in err
    assert "write: rbuild plan cross" in err


@pytest.mark.parametrize(
    "words", [("FOO=1", "plan"), ("plan", "FOO=1"), ("plan", "FOO=0", "FOO=1")]
)
def test_variables_before_a_command_are_those_of_its_recipe(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert app.run(["rbuild", *words, "--backend", "podman"]) == 0
    assert "i all 1" in capfd.readouterr().out


@pytest.mark.parametrize("command", ["bundles", "install", "doctor", "backends", "clean", "help"])
def test_variables_before_a_command_without_a_recipe_are_refused(
    project: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    assert f"FOO=1: rbuild {command} reads no recipe" in refused(capfd, "FOO=1", command)


def test_options_before_a_command_hold(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert app.run(["rbuild", "--backend", "buildah", "--env", "E=1", "plan"]) == 0
    out = capfd.readouterr().out
    assert "backend buildah" in out
    assert "--env" in out


@pytest.mark.parametrize("words", [("--", "plan"), ("make", "plan")])
def test_a_target_that_is_named_like_a_command(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert app.run(["rbuild", "--dry-run", *words]) == 0
    assert "echo planning" in capfd.readouterr().out


@pytest.mark.parametrize("words", [("help",), ("--help",), ("-h",)])
def test_help(project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert app.run(["rbuild", *words]) == 0
    out = capfd.readouterr().out
    assert out.startswith("Usage: rbuild ")
    assert "targets of the project" not in out


@pytest.mark.parametrize("command", sorted(app.Rbuild.COMMANDS))
def test_help_of_a_command_is_what_its_option_shows(
    project: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    assert app.run(["rbuild", "help", command]) == 0
    asked = capfd.readouterr().out
    assert app.run(["rbuild", command, "--help"]) == 0
    assert asked == capfd.readouterr().out
    assert f"rbuild {command}" in asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("help", "plann"), "did you mean rbuild help plan?"),
        (("help", "binary"), "rbuild help lists them"),
        (("help", "plan", "run"), "this is too much: run"),
        (("doctr",), "did you mean rbuild doctor?"),
        (("cleann",), "did you mean rbuild clean, or the target: rbuild make clean?"),
        (("shel",), "did you mean shell"),
        (("logs",), "its targets are all, "),
        (("bundles", "lst"), "did you mean list?"),
        (("bundles", "list", "x"), "this is too much: x"),
        (("base",), "a word is missing"),
        (("--list",), "rbuild targets lists them: all, "),
        (("-j0", "all"), "--jobs 0: it is a number, 1 or more"),
        (("-n", "all", "FOO=1"), "\n     write: rbuild plan all FOO=1\n"),
        (("-B", "all"), "\n     write: rbuild --force all\n"),
        (("-k", "all"), "\n     write: rbuild all\n"),
        (("-nB", "all"), "rbuild plan shows"),
        (("-j",), "leave it out, rbuild finds one by itself"),
        (("--no-print-directory", "all"), "directories are not announced"),
        (("-r",), "MAKEFLAGS += -r"),
        (("-S",), "the first step that fails ends the run"),
        (("-k",), "the first step that fails ends the run"),
        (("-s",), "-q"),
        (("--always-make",), "--force"),
        (("--jobs=many",), "--jobs many: it is a number"),
        (("-it", "shell"), "have the terminal"),
        (("--netwrok", "host"), "did you mean --network?"),
        (("clean", "--volume"), "did you mean --volumes?"),
        (("plan", "--format", "yaml"), "--format yaml: it is text or json"),
        (("--color", "x"), "--color x: it is auto, always or never"),
        (("--log-format=x",), "--log-format x: it is text or json"),
        (("--backend",), "--backend needs a value: --backend NAME"),
        (("--backend", ""), "--backend: its value is empty"),
        (("--bundles-dir=", "", "all"), "--bundles-dir: its value is empty"),
        (("--backend", "podmn"), "--backend podmn: there is no such backend"),
        (("--force=1",), "--force takes no value"),
        (("--backend", "podman", "--backend", "docker"), "--backend is given twice"),
        (("--pull", "--no-pull"), "can't be given together"),
        (("--pull", "plan", "--no-pull"), "can't be given together"),
        (("doctor", "--fix", "--report"), "can't be given together"),
        (("",), "a word is empty"),
        (("=x",), "a name is missing before the ="),
        (("--image", "Not A Name"), "'Not A Name' is no image's name"),
        (("--image", "Debian:12"), "did you mean debian:12?"),
        (("-C", "Makefile"), "Makefile is not a directory"),
        (("-C", "nowhere"), "there is no directory"),
        (("doctor", "--replay", "nope"), "nope can't be read"),
        (("doctor", "--replay", "Makefile"), "Makefile is no report"),
        (("doctor", "--explain", "no-subid"), "did you mean no-subids?"),
        (("run",), "rbuild run -- COMMAND"),
    ],
)
def test_a_mistake_is_told_with_what_helps(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    err = refused(capfd, *words)
    assert said in err
    assert "ValueError" not in err
    assert len(err.splitlines()) <= 4


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nope", "-f nope: no such file\n  -> did you mean Dockerfile?"),
        ("Dockerfil", "did you mean Dockerfile?"),
        ("Makefile", "-f Makefile: it is a makefile, and -f names a containerfile"),
        ("build.mk", "it is a makefile"),
        (".", "-f .: it is a directory"),
        ("-", "can't be read from standard input"),
        ("docker-bake.hcl", "it is a bake or compose file"),
        ("compose.yaml", "it is a bake or compose file"),
    ],
)
@pytest.mark.parametrize("command", [(), ("plan",), ("run",)])
def test_a_file_that_is_no_containerfile_is_refused_before_any_engine_is_asked(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    said: str,
    command: tuple[str, ...],
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("build.mk", "docker-bake.hcl", "compose.yaml"):
        (project / name).write_text("")
    words = ("--", "ls") if command == ("run",) else ()
    assert said in refused(capfd, *command, "-f", file, *words)


def test_the_usual_file_is_checked_where_it_is_used(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    MakeProject(project).write("all: ; docker build -t x .\nhelp: ; echo x\n")
    (project / "rbuild.toml").write_text('[defaults]\nfile = "Dockerfilx"\n')
    err = refused(capfd, "plan")
    assert f"{project}/rbuild.toml:2: defaults.file: " in err
    assert "did you mean Dockerfile?" in err
    assert app.run(["rbuild", "plan", "help"]) == 0


@pytest.mark.parametrize("who", ["project", "user"])
@pytest.mark.parametrize("command", ["plan", "backends"])
def test_an_unknown_backend_in_a_file_is_told_with_file_and_line(
    project: Path, capfd: pytest.CaptureFixture[str], who: str, command: str
) -> None:
    file = project / ("rbuild.toml" if who == "project" else "config/rbuild/config.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[defaults]\nnetwork = "host"\nbackend = "podmn"\n')
    err = refused(capfd, command)
    assert f"{file}:3: defaults.backend: there is no backend 'podmn'" in err
    assert "did you mean podman?" in err


def test_an_unknown_backend_of_the_environment_is_told_as_that(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RBUILD_BACKEND", "dokcer")
    err = refused(capfd, "backends")
    assert "RBUILD_BACKEND=dokcer: there is no such backend" in err
    assert "did you mean docker?" in err


def without_named_engines() -> dict[str, str]:
    """The environment, in which tests of docker name their own dockerd, without engines' names."""
    named = {variable for variable, _ in NAMING}
    return {name: value for name, value in os.environ.items() if name not in named}


@pytest.mark.parametrize("manager", ["", "apt-get", "dnf"])
def test_no_engine_is_told_in_a_sentence_with_the_command_that_installs_one(
    project: Path, tmp_path: Path, manager: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in filter(None, ("make", "env", "sh", manager)):
        (programs / program).symlink_to(shutil.which(program) or "/bin/true")
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", "all"],
        env={**without_named_engines(), "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stderr.splitlines()[:2] == [
        "rbuild: there is no engine here: podman, buildah and docker are not installed",
        f"  -> {INSTALLED_BY[manager]}",
    ]


def test_an_engine_that_is_too_old_is_told_with_what_to_do(project: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for program in ("make", "env", "sh", "newuidmap", "newgidmap"):
        (programs / program).symlink_to(shutil.which(program) or "/bin/true")
    (programs / "buildah").write_text("#!/bin/sh\necho buildah version 1.23.1\n")
    (programs / "buildah").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", "all"],
        env={**without_named_engines(), "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    first, second = done.stderr.splitlines()[:2]
    assert "buildah 1.23.1 is too old: the oldest that rbuild can use is 1.28" in first
    assert second.startswith("  -> install buildah of a newer release, or use docker")


INSTALLED_BY = {
    "": "install podman with your package manager",
    "apt-get": "as root: apt-get install podman uidmap slirp4netns",
    "dnf": "as root: dnf install podman",
}


@pytest.mark.parametrize("command", [(), ("plan",)])
@pytest.mark.parametrize(
    "line",
    [
        "sudo docker run x",
        "doas docker run x",
        "cd . && sudo -E env A=1 docker run x",
        "timeout 5 sudo docker run x",
        "docker ps | cat; sudo docker run x",
        "x=$$(sudo docker ps)",
    ],
)
def test_who_writes_sudo_is_told_to_leave_it_out_and_nothing_is_run(
    project: Path, capfd: pytest.CaptureFixture[str], line: str, command: tuple[str, ...]
) -> None:
    (project / "Makefile").write_text(f"all:\n\ttouch ran\n\t{line}\n")
    err = refused(capfd, *command)
    assert "Makefile:3: this line can't be turned into a step: docker is run through" in err
    assert " out: rbuild needs none" in err
    assert not (project / "ran").exists()


def test_sudo_is_refused_too_where_a_line_before_it_has_the_target_made_as_it_runs(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "all:\n\ttouch ran\n\tdocker ps | cat\n\techo ok\n\tsudo docker run x\n"
    (project / "Makefile").write_text(text)
    err = refused(capfd)
    assert "docker is run through 'sudo'" in err
    assert "  | sudo docker run x\n" in err
    assert not (project / "ran").exists()


@pytest.mark.parametrize(
    ("makefile", "said"),
    [
        (
            "all:\n  docker run x\n",
            "Makefile:2: missing separator\n  -> the lines of a recipe begin",
        ),
        ("$(error stop here)\n", "rbuild: Makefile:1: stop here\n"),
        ("all: missing.c\n", "No rule to make target 'missing.c', needed by 'all'"),
        ("", "Makefile can't make the default goal: No targets"),
    ],
)
def test_a_mistake_in_the_makefile_is_told_once_with_its_line(
    project: Path, capfd: pytest.CaptureFixture[str], makefile: str, said: str
) -> None:
    (project / "Makefile").write_text(makefile)
    err = refused(capfd, "plan")
    assert said in err
    assert "***" not in err


def in_shell(script: str, project: Path) -> subprocess.CompletedProcess[str]:
    """A script in which RBUILD is rbuild."""
    command = f"{sys.executable} -m rootless_build"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", script.replace("RBUILD", command)],
        cwd=project,
        env=buffered,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("mkdir gone; cd gone; rmdir ../gone; RBUILD plan", 2, "the current directory is gone"),
        ("mkdir gone; cd gone; rmdir ../gone; RBUILD --version", 0, ""),
        ("RBUILD --version >/dev/full", 1, "can't be written: No space left on device"),
        ("RBUILD plan --log-format json >/dev/full", 1, "stopped"),
        ("RBUILD plan --format json >&-", 0, ""),
        ("RBUILD plan --format json <&- >&- 2>&-", 0, ""),
        ("RBUILD nosuch 2>&-", 2, ""),
        ("set -o pipefail; RBUILD help | head -1 >/dev/null", 0, ""),
        ("env -u HOME RBUILD plan --format json >/dev/null", 0, ""),
        ("chmod 0 Makefile; test -r Makefile || RBUILD plan", 2, "can't be read by this user"),
    ],
)
def test_odd_surroundings_are_no_reason_for_a_traceback(
    project: Path, script: str, status: int, said: str
) -> None:
    if "test -r" in script and os.geteuid() == 0:
        pytest.skip("root may read everything")
    done = in_shell(script, project)
    assert "Traceback" not in done.stderr
    if "log-format json" not in script:
        assert said in done.stderr
    assert done.returncode == status, done.stderr


def test_a_plan_of_a_containerfile_that_is_nowhere_says_so(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")
    makefile = (
        "all:\n\tdocker build -f Dockerfil .\nmade:\n\tcp Dockerfile n\n\tdocker build -f n .\n"
    )
    (project / "Makefile").write_text(makefile)
    assert "Dockerfil: no such file" in refused(capfd, "plan", "all")
    assert app.run(["rbuild", "plan", "made"]) == 0
