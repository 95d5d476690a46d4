"""`rbuild debug`, as who wants to know why a command failed uses it: with real engines."""

from __future__ import annotations

import dataclasses
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.engine_images import ids
from tests.e2e.remains import remains

pytestmark = pytest.mark.in_ci("podman")

CONTAINERFILE = """\
FROM debian:bookworm AS other
RUN echo other > /other
FROM debian:bookworm
ARG X=of-arg
ENV A=of-env
WORKDIR /work
COPY file .
RUN echo before > /before
RUN --mount=type=bind,from=other,source=/other,target=/mounted --mount=type=tmpfs,target=/t \\
  echo trying && \\
  exit 5
RUN echo later
"""
MAKEFILE = """\
all:
\tdocker build -t debugged .
container:
\tdocker build -t debugged-container -f Dockerfile.container .
\tdocker run --rm -v $(CURDIR)/bundles:/out -v $(CURDIR):/src -w /src -e B=of-run \\
\t  --hostname there debugged-container sh -c 'echo trying; echo new > /out/f; exit 6'
"""


@pytest.fixture
def on_terminal() -> bool:
    """Each test says itself whether it is."""
    return False


@pytest.fixture
def failing(rbuild: Rbuild, tmp_path_factory: pytest.TempPathFactory) -> Rbuild:
    """`rbuild` in a project whose RUN fails, and whose container does."""
    project = rbuild.project
    (project / "Makefile").write_text(MAKEFILE)
    (project / "Dockerfile").write_text(CONTAINERFILE)
    (project / "Dockerfile.container").write_text("FROM debian:bookworm\nENV A=of-env\n")
    (project / "file").write_text("of context\n")
    own = {name: str(tmp_path_factory.mktemp("own")) for name in ("TMPDIR", "XDG_STATE_HOME")}
    return dataclasses.replace(rbuild, environment={**rbuild.environment, **own})


@pytest.fixture
def in_a_run(failing: Rbuild) -> Rbuild:
    """The same, whose RUN has failed."""
    if failing.backend == "docker":
        pytest.skip("docker is refused: test_an_engine_that_mounts_nothing_is_refused")
    assert failing("all").returncode == 1
    return failing


def piped(rbuild: Rbuild, *words: str, given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*rbuild.argv, *words],
        cwd=rbuild.project,
        env=rbuild.environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.mark.in_ci("podman", "buildah")
def test_a_command_in_the_place_of_a_run_has_all_that_the_run_has(in_a_run: Rbuild) -> None:
    before = ids(in_a_run)
    look = "cat file /before /mounted; echo $A $X; pwd; grep -c ' /t tmpfs' /proc/mounts; exit 7"
    done = in_a_run("debug", "--", "sh", "-c", look)
    assert done.returncode == 7, done.stderr
    seen = ["of context", "before", "other", "of-env of-arg", "/work", "1"]
    assert done.stdout.splitlines() == seen
    assert "in the image as it was before Dockerfile:9" in done.stderr
    assert "failed with status 5" in done.stderr
    assert "(as in run 1)" in done.stderr

    again = piped(in_a_run, "debug", "1", given="echo from a pipe; sh /rbuild-debug/again")
    assert again.stdout.splitlines() == ["from a pipe", "trying"]
    assert again.returncode == 5
    assert ids(in_a_run) == before
    assert remains(in_a_run) == []


def test_a_shell_in_the_place_of_a_run_is_on_the_terminal(in_a_run: Rbuild) -> None:
    typed = "test -t 0 && stty size; cat /before; exit 42\r"
    status, shown = in_a_run.on_a_terminal("debug", typed=typed, size=(33, 77))
    assert status == 42
    assert "33 77" in shown
    assert "to repeat it: sh /rbuild-debug/again" in shown
    assert remains(in_a_run) == []


def test_a_shell_whose_window_is_closed_leaves_nothing(in_a_run: Rbuild) -> None:
    before = ids(in_a_run)
    with in_a_run.on_screen("debug") as (running, screen):
        assert screen.shows(b" # "), screen.shown
        screen.close()
        assert running.wait(DEADLINE) != 0
    assert in_a_run("clean").returncode == 0
    assert remains(in_a_run) == []
    assert ids(in_a_run) == before


def test_what_is_gone_is_built_again_and_goes_again(in_a_run: Rbuild) -> None:
    (in_a_run.project / "file").write_text("changed\n")
    before = ids(in_a_run)
    done = in_a_run("debug", "--", "cat", "file", "/before")
    assert (done.returncode, done.stdout) == (0, "changed\nbefore\n"), done.stderr
    assert ids(in_a_run) == before


def test_another_users_files_and_secrets(failing: Rbuild) -> None:
    if failing.backend == "docker":
        pytest.skip("docker's classic builder has no secrets")
    project = failing.project
    # An engine that is asked about secrets leaves a cache of another user's there.
    usual = {name: given for name, given in failing.environment.items() if name != "TMPDIR"}
    failing = dataclasses.replace(failing, environment=usual)
    (project / "Makefile").write_text("all:\n\tdocker build --build-arg A_TOKEN=hidden-1 .\n")
    (project / "Dockerfile").write_text(
        "FROM debian:bookworm\nARG A_TOKEN\nUSER 1000\n"
        "RUN --mount=type=secret,id=s,mode=0444 cat /run/secrets/s && exit 5\n"
    )
    secret = project.parent / "secret"
    secret.write_text("hidden-2\n")
    given = ("--secret", f"id=s,src={secret}")
    assert failing(*given).returncode == 1
    (kept,) = Path(failing.environment["XDG_STATE_HOME"]).rglob("run.json")
    assert "hidden-" not in kept.read_text()

    refused = failing("debug", "--", "true")
    assert refused.returncode == 2
    assert "give it again: rbuild debug --build-arg A_TOKEN" in refused.stderr
    argument = ("--build-arg", "A_TOKEN=hidden-1")
    left = "id -u; mkdir -p /rbuild-debug/d && echo > /rbuild-debug/d/f; ls /run/secrets; exit 3"
    without = failing("debug", *argument, "--", "sh", "-c", left)
    assert (without.returncode, without.stdout) == (3, "1000\n"), without.stderr
    assert "not here unless given again: --secret id=s,src=FILE" in without.stderr
    look = ("sh", "-c", "wc -c < /run/secrets/s; cat /run/secrets/s; echo $A_TOKEN | wc -c")
    again = failing("debug", *argument, *given, "--", *look)
    assert (again.returncode, again.stdout) == (0, "9\n***\n9\n"), again.stderr
    assert not list(Path(tempfile.gettempdir()).glob("rbuild-*/debug/d"))
    assert failing.leftovers() == []


def test_a_command_in_the_place_of_a_container(failing: Rbuild) -> None:
    assert failing("container").returncode == 1
    before = ids(failing)
    look = "echo $A $B; hostname; pwd; cat file; echo tried > /out/g; sh /rbuild-debug/again"
    done = failing("debug", "--", "sh", "-c", look)
    assert done.returncode == 6, done.stderr
    wanted = ["of-env of-run", "there", "/src", "of context", "trying"]
    assert done.stdout.splitlines() == wanted
    assert not (failing.bundles / "g").exists()
    assert not (failing.bundles / "f").exists()
    assert ids(failing) == before
    assert remains(failing) == []

    status, shown = failing.on_a_terminal("debug", typed="hostname; exit 41\r", size=(30, 90))
    assert status == 41
    assert "there" in shown


def test_what_is_not_there_is_refused_by_name(in_a_run: Rbuild) -> None:
    closed = in_a_run("debug")
    assert closed.returncode == 2
    assert "a shell needs a terminal" in closed.stderr
    text = CONTAINERFILE.replace("exit 5", "exit 4")
    (in_a_run.project / "Dockerfile").write_text(text)
    changed = in_a_run("debug", "--", "true")
    assert changed.returncode == 2
    assert "Dockerfile has changed: what failed at line 9 is not there any more" in changed.stderr


@pytest.mark.exhaustive
def test_an_engine_that_mounts_nothing_is_refused(failing: Rbuild) -> None:
    (failing.project / "Dockerfile").write_text("FROM debian:bookworm\nRUN exit 3\n")
    assert failing("all").returncode == 1
    done = failing("debug", "--", "true")
    if failing.backend != "docker":
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 3
    assert "use --backend podman or --backend buildah" in done.stderr
