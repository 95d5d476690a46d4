"""What the stand-in for docker answers to the questions Makefiles ask."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from rootless_build.recipes import stub
from rootless_build.recipes.stub import Stub


@pytest.fixture
def docker(tmp_path: Path) -> Stub:
    """A stand-in."""
    return stub.install(tmp_path)


def ask(docker: Stub, *words: str, program: str = "docker") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [docker.directory / program, *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **docker.variables},
    )


ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["version", "-f", "{{.Server.Os}}/{{.Server.Arch}}"], f"linux/{ARCHITECTURE}"),
        (["version", "--format", "{{.Client.Version}}"], stub.VERSION),
        (["version", "--format={{.Server.Version}}"], stub.VERSION),
        (["version", "-f", "{{.Server.Os}}"], "linux"),
        (["version", "-f", "{{.Client.Arch}}"], ARCHITECTURE),
        (["info", "-f", "{{.Architecture}}"], platform.machine()),
        (["info", "--format", "{{.Driver}}"], ""),
        (["--version"], f"Docker version {stub.VERSION}"),
        (["volume", "rm", "-f", "a"], ""),
    ],
)
def test_answers(docker: Stub, words: list[str], answer: str) -> None:
    done = ask(docker, *words)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, answer, "")
    assert stub.answers(tuple(words))


def test_architecture_as_old_makefiles_look_for_it(docker: Stub) -> None:
    script = "$1 version | awk -F': *' '$1 == \" OS/Arch\" { print $2; exit }'"
    done = subprocess.run(
        ["sh", "-c", script, "sh", docker.directory / "docker"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", **docker.variables},
    )
    assert done.stdout.strip() == f"linux/{ARCHITECTURE}"


def test_no_storage_driver_is_known_without_a_daemon(docker: Stub) -> None:
    assert "Storage Driver" not in ask(docker, "info").stdout


@pytest.mark.parametrize("program", ["docker", "docker-buildx"])
@pytest.mark.parametrize("words", [["build", "."], ["run", "i"], ["ps"], ["buildx", "bake"], []])
def test_everything_else_fails_and_says_why(docker: Stub, program: str, words: list[str]) -> None:
    done = ask(docker, *words, program=program)
    assert (done.returncode, done.stdout) == (1, "")
    assert stub.REFUSAL in done.stderr
    assert not stub.answers(tuple(words))


def test_buildx_is_there(docker: Stub) -> None:
    assert ask(docker, "buildx", "version").returncode == 0


def test_what_it_was_told_is_taken_down_word_by_word(docker: Stub) -> None:
    assert docker.calls() == ()
    ask(docker, "run", "a b", "", "c\nd", "\udcff")
    ask(docker, "ps")
    assert docker.calls() == (("run", "a b", "", "c\nd", "\udcff"), ("ps",))
