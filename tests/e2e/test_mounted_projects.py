"""Recipes that mount the whole project, which docker takes as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman")

BUILD = "mkdir -p bundles/kind; cat source > bundles/kind/made"


@pytest.fixture
def project(rbuild: Rbuild) -> Rbuild:
    """A project without a recipe."""
    if rbuild.backend == "docker":
        # DOCKER_HOST is set; this Makefile does not ask for it.
        assert "DOCKER_HOST" in rbuild.environment
    for name in ("Makefile", "rbuild.toml"):
        (rbuild.project / name).unlink(missing_ok=True)
    (rbuild.project / "Dockerfile").write_text("FROM debian:bookworm\nWORKDIR /w\n")
    (rbuild.project / ".dockerignore").write_text("*\n")
    (rbuild.project / "source").write_text("the source\n")
    return rbuild


def with_makefile(project: Rbuild, mounts: str, script: str = BUILD) -> None:
    recipe = f"docker run --rm {mounts} dev sh -c '{script}'"
    makefile = f"binary:\n\tdocker build -t dev .\n\t{recipe}\n"
    (project.project / "Makefile").write_text(makefile)


TOML = """\
[image]
containerfile = "Dockerfile"
[container]
command = "sh -c '{script}'"
mounts = [".:/w"]
[bundles]
container-path = "/w/bundles"
"""


@pytest.mark.parametrize(
    "mounts",
    [
        "-v $(CURDIR):/w -v $(CURDIR)/bundles:/w/bundles",
        "-v $(CURDIR)/bundles:/w/bundles/ -v $(CURDIR):/w",
        "-v $(CURDIR):/w",
        "-v $(CURDIR):/src:ro -v $(CURDIR)/source:/w/source:ro -v $(CURDIR)/bundles:/w/bundles",
        "rbuild.toml",
    ],
)
def test_bundles_below_a_mounted_project_are_staged(project: Rbuild, mounts: str) -> None:
    if mounts == "rbuild.toml":
        (project.project / mounts).write_text(TOML.format(script=BUILD))
    else:
        with_makefile(project, mounts)
    done = project()
    assert done.returncode == 0, done.stderr
    made = project.bundles / "kind/made"
    assert made.read_text() == "the source\n"
    assert (project.bundles / "kind/provenance.intoto.json").exists()
    assert "nothing changed" in project().stderr
    # As any other bundles they stay as they were when the next build fails.
    (project.project / "source").write_text("another\n")
    failing = f"{BUILD}; exit 5"
    if mounts == "rbuild.toml":
        (project.project / mounts).write_text(TOML.format(script=failing))
    else:
        with_makefile(project, mounts, failing)
    assert project().returncode == 1
    assert made.read_text() == "the source\n"


def test_a_part_of_the_bundles_is_staged_too(project: Rbuild) -> None:
    with_makefile(project, "-v $(CURDIR)/bundles/kind:/w/bundles/kind", "echo one > bundles/kind/x")
    assert project().returncode == 0
    with_makefile(
        project, "-v $(CURDIR)/bundles/kind:/w/bundles/kind", "echo two > bundles/kind/x; exit 1"
    )
    assert project().returncode == 1
    assert (project.bundles / "kind/x").read_text() == "one\n"


def test_a_container_that_makes_no_bundles_leaves_no_directory_for_them(project: Rbuild) -> None:
    """As runc's `dbuild` does it: the results are beside the sources."""
    with_makefile(project, "-v $(CURDIR):/w", "cat source > result")
    done = project()
    assert done.returncode == 0, done.stderr
    assert (project.project / "result").read_text() == "the source\n"
    assert not Path(project.bundles).exists()
    assert "bundles" not in done.stderr
    # The result was not there before; from now on it is the same.
    assert project().returncode == 0
    assert "nothing changed" in project().stderr
    (project.project / "source").write_text("another\n")
    assert project().returncode == 0
    assert (project.project / "result").read_text() == "another\n"


def test_a_container_that_makes_nothing_at_all_is_run_every_time(project: Rbuild) -> None:
    """It is there for what it does or says, whatever its target is called."""
    with_makefile(project, "-v $(CURDIR):/w", "echo looked at; grep the source")
    for _ in range(3):
        done = project()
        assert done.returncode == 0, done.stderr
        assert "looked at" in done.stdout
