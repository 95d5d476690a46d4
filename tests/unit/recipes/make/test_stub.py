"""What the stand-ins for docker and podman answer to the questions Makefiles ask.

How docker prints it was seen with docker 29.1.3 and its daemon; which fields are a real daemon's is
compared again in `tests/e2e/test_stand_in.py`.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

from rootless_build.recipes.make import docker_stub
from rootless_build.recipes.make.docker_stub import Call, Stub

REAL = "#!/bin/sh\necho the real ${0##*/} was run >&2; exit 9\n"


@pytest.fixture
def docker(tmp_path: Path) -> Stub:
    """Stand-ins, where podman and buildah are installed and must not be run."""
    real = tmp_path / "real"
    real.mkdir()
    for name in ("podman", "buildah", "sudo"):
        (real / name).write_text(REAL)
        (real / name).chmod(0o755)
    return docker_stub.install(tmp_path, f"{real}:/usr/bin:/bin")


def ask(docker: Stub, *words: str, program: str = "docker") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [docker.directory / program, *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **docker.variables},
    )


MACHINE = platform.machine()
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(MACHINE, MACHINE)
SECURITY = "[name=seccomp,profile=builtin name=rootless name=cgroupns]"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["version", "-f", "{{.Server.Os}}/{{.Server.Arch}}"], f"linux/{ARCHITECTURE}"),
        (["version", "--format", "{{.Client.Version}}"], docker_stub.VERSION),
        (["version", "--format={{.Server.Version}}"], docker_stub.VERSION),
        (["version", "-f={{ .Server.Version }}"], docker_stub.VERSION),
        (["version", "-f{{.Server.Version}}, {{.Server.Os}}."], f"{docker_stub.VERSION}, linux."),
        (["version", "--format", "{{json .Server.Version}}"], f'"{docker_stub.VERSION}"'),
        (["version", "--format", "{{.Server.Experimental}}"], "false"),
        (["version", "-f", "{{.Server.Os}}"], "linux"),
        (["version", "-f", "{{.Client.Arch}}"], ARCHITECTURE),
        (["info", "-f", "{{.Architecture}}"], MACHINE),
        (["info", "--format", "{{.Driver}}"], ""),
        (["info", "--format", "{{.OSType}}/{{.Architecture}}"], f"linux/{MACHINE}"),
        (["info", "--format", "{{.ServerVersion}}"], docker_stub.VERSION),
        (["info", "--format", "{{ .NCPU }}"], str(os.cpu_count())),
        (["info", "--format", "{{json .NCPU}}"], str(os.cpu_count())),
        (["info", "--format", "{{.SecurityOptions}}"], SECURITY),
        (["info", "--format", "{{println .Swarm.LocalNodeState}}"], "inactive"),
        (["info", "--format", "{{.ClientInfo.Arch}}"], ARCHITECTURE),
        (["info", "--format", "{{.KernelVersion}}"], platform.release()),
        (["system", "info", "--format", "{{.OSType}}"], "linux"),
        (["--version"], f"Docker version {docker_stub.VERSION}, build 0000000"),
        (["volume", "rm", "-f", "a"], ""),
    ],
)
def test_answers(docker: Stub, words: list[str], answer: str) -> None:
    done = ask(docker, *words)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, answer, "")
    (call,) = docker.calls()
    assert (call.program, call.words, call.answered) == ("docker", tuple(words), True)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--version"], "podman version 5.0.0"),
        (["version", "--format", "{{.Client.Version}}"], "5.0.0"),
        (["info", "--format", "{{.Host.Security.Rootless}}"], "true"),
        (["info", "--format", "{{.host.arch}}"], ARCHITECTURE),
    ],
)
def test_podman_is_asked_of_the_stand_in(docker: Stub, words: list[str], answer: str) -> None:
    done = ask(docker, *words, program="podman")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, answer, "")


@pytest.mark.parametrize("words", [["images", "-q"], ["run", "i"], ["ps"], ["info", "-f", "json"]])
@pytest.mark.parametrize("program", ["podman", "buildah"])
def test_no_other_engine_is_run(docker: Stub, program: str, words: list[str]) -> None:
    done = ask(docker, *words, program=program)
    assert (done.returncode, done.stdout) == (1, "")
    assert docker_stub.REFUSAL in done.stderr
    assert "the real" not in done.stderr


def test_other_programs_are_asked_for_their_version_themselves(docker: Stub) -> None:
    assert "the real buildah was run" in ask(docker, "--version", program="buildah").stderr


@pytest.mark.parametrize(
    "words",
    [
        ["docker", "version", "-f", "{{.Server.Os}}"],
        ["-E", "docker", "version", "-f", "{{.Server.Os}}"],
        ["-n", "-u", "root", "A=b", "/usr/bin/podman", "version", "-f", "{{.Server.Os}}"],
        ["--", "docker", "version", "-f", "{{.Server.Os}}"],
    ],
)
def test_sudo_reaches_no_engine_either(docker: Stub, words: list[str]) -> None:
    done = ask(docker, *words, program="sudo")
    assert (done.returncode, done.stdout, done.stderr) == (0, "linux\n", "")
    assert docker.calls()[0].words == ("version", "-f", "{{.Server.Os}}")


@pytest.mark.parametrize("words", [["ls"], ["-v"], ["-u", "docker", "id"], ["sudo", "docker"], []])
def test_sudo_is_itself_for_everything_else(docker: Stub, words: list[str]) -> None:
    assert "the real sudo was run" in ask(docker, *words, program="sudo").stderr
    assert docker.calls() == ()


def test_only_what_is_installed_is_found(tmp_path: Path) -> None:
    made = docker_stub.install(tmp_path, str(tmp_path))
    assert sorted(path.name for path in made.directory.iterdir()) == ["docker", "docker-buildx"]


@pytest.mark.parametrize(
    "template",
    [
        *("{{.Nope}}", "{{json .}}", "{{.}}", "{{range .SecurityOptions}}{{.}}{{end}}", "json"),
        *("{{.DockerRootDir}}", "{{.ID}}", "{{if .Swarm}}x{{end}}", "{{.OSType", "{{upper .Name}}"),
        *("{{.Server.Version}}", "{{- .Name -}}", "{{.osType}}"),
    ],
)
def test_what_is_not_known_is_not_answered(docker: Stub, template: str) -> None:
    done = ask(docker, "info", "--format", template)
    assert (done.returncode, done.stdout) == (1, "")
    assert not docker.calls()[0].answered


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        # As moby's, sonic-buildimage's and mimir's Makefiles look for it.
        (
            "$1 version | awk -F': *' '$1 == \" OS/Arch\" { print $2; exit }'",
            "linux/" + ARCHITECTURE,
        ),
        ("$1 info | grep Architecture: | awk '{print $2}'", MACHINE),
        ("$1 info | grep -i 'server version' | rev | cut -d' ' -f1 | rev", docker_stub.VERSION),
        ("$1 info >/dev/null 2>&1 || echo sudo", ""),
        ("$1 version >/dev/null 2>&1 && echo docker || echo podman", "docker"),
        ("$1 --version | sed 's/^Docker version \\([0-9.]*\\), build.*/\\1/'", docker_stub.VERSION),
        ("$1 buildx version | awk '{ print $2 }'", "v0.20.0"),
        ("$1-buildx version | awk '{ print $2 }'", "v0.20.0"),
        ("$1 info | grep -c rootless", "1"),
        ("$1 info | sed '/Username:/!d;s/.* //'", ""),
    ],
)
def test_answers_are_in_dockers_format(docker: Stub, script: str, answer: str) -> None:
    done = subprocess.run(
        ["sh", "-c", script, "sh", docker.directory / "docker"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **docker.variables},
    )
    assert (done.stdout.strip(), done.stderr) == (answer, "")


def test_no_storage_driver_is_known_without_a_daemon(docker: Stub) -> None:
    assert "Storage Driver" not in ask(docker, "info").stdout


@pytest.mark.parametrize(
    "words",
    [
        *(["run", "i"], ["ps", "-q"], ["images", "-q", "x"], ["create", "x"], ["buildx", "bake"]),
        *(["build", "--help"], ["-H", "tcp://h", "info"], ["inspect", "x"], []),
    ],
)
def test_everything_else_fails_and_says_why(docker: Stub, words: list[str]) -> None:
    done = ask(docker, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert docker_stub.REFUSAL in done.stderr
    assert not docker.calls()[0].answered


@pytest.mark.parametrize(
    "words",
    [
        ["build", "-q", "."],
        ["image", "build", "--quiet", "."],
        ["buildx", "build", "-qf", "x", "."],
    ],
)
def test_an_id_stands_for_a_build(docker: Stub, tmp_path: Path, words: list[str]) -> None:
    done = ask(docker, *words)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", done.stdout)
    assert ask(docker, *words).stdout == done.stdout
    assert ask(docker, *words[:-1], "sub").stdout != done.stdout
    docker.begin(tmp_path / "all-is-read")
    (tmp_path / "all-is-read").write_text("x")
    assert ask(docker, *words).stdout != done.stdout
    assert [call.reading for call in docker.calls()] == [True, True, True, False]
    call = docker.calls()[0]
    assert call.builds
    assert f"sha256:{call.image}\n" == done.stdout
    assert call.environment == {"PATH": "/usr/bin:/bin", "PWD": str(Path.cwd())}


def test_a_build_without_a_word_says_nothing_as_buildkit_does(docker: Stub) -> None:
    done = ask(docker, "build", "-t", "x", ".")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert docker.calls()[0].builds


def test_words_of_any_kind_are_on_record(docker: Stub) -> None:
    ask(docker, "run", "", "a b", "two\nlines", "*", "-n")
    assert docker.calls() == (
        Call(
            "docker",
            ("run", "", "a b", "two\nlines", "*", "-n"),
            Path.cwd(),
            answered=False,
            reading=True,
        ),
    )
