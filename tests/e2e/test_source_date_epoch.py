"""SOURCE_DATE_EPOCH in the environment of a build, and a change of it.

What the instructions see is what docker 29.1.3 with buildx 0.30.1 shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("buildah")

MAKEFILE = """\
binary:
	docker build --network host -t dated .
	docker run --rm --network host -v $(CURDIR)/bundles:/b dated cp /date /b/date
undeclared:
	docker build --network host -t undated -f Dockerfile.undeclared .
	docker run --rm --network host -v $(CURDIR)/bundles:/b undated cp /date /b/date
"""
CONTAINERFILE = "FROM debian:bookworm\n{}RUN echo [${{SOURCE_DATE_EPOCH-unset}}] > /date\n"


@pytest.fixture
def project(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE)
    (directory / "Dockerfile").write_text(CONTAINERFILE.format("ARG SOURCE_DATE_EPOCH\n"))
    (directory / ".dockerignore").write_text("bundles\n")
    (directory / "Dockerfile.undeclared").write_text(CONTAINERFILE.format(""))
    return Rbuild(directory, backend_name, {**rbuild_environment, "SOURCE_DATE_EPOCH": "1000"})


def test_the_build_has_it_and_is_done_again_with_another(project: Rbuild) -> None:
    date = project.bundles / "date"
    done = project("binary")
    assert (done.returncode, date.read_text()) == (0, "[1000]\n"), done.stderr
    assert project("binary").stderr.count("nothing changed") == 1

    later = replace(project, environment={**project.environment, "SOURCE_DATE_EPOCH": "2000"})
    done = later("--explain", "binary")
    assert (done.returncode, date.read_text()) == (0, "[2000]\n"), done.stderr
    assert "SOURCE_DATE_EPOCH changed" in done.stderr

    unset = {k: v for k, v in project.environment.items() if k != "SOURCE_DATE_EPOCH"}
    done = replace(project, environment=unset)("binary")
    assert (done.returncode, date.read_text()) == (0, "[unset]\n"), done.stderr


def test_a_containerfile_that_does_not_declare_it_is_told_nothing(project: Rbuild) -> None:
    done = project("undeclared")
    assert (done.returncode, (project.bundles / "date").read_text()) == (0, "[unset]\n")
    assert "Warning" not in done.stderr, done.stderr


def test_a_value_that_is_no_number_is_refused(project: Rbuild) -> None:
    environment = {**project.environment, "SOURCE_DATE_EPOCH": "today"}
    done = replace(project, environment=environment)("binary")
    assert done.returncode == 2
    assert "Makefile:2: SOURCE_DATE_EPOCH is 'today', and not a whole number" in done.stderr
