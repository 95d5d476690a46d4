"""What podman and buildah get of a containerfile whose target is not its last stage."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend.api import Engine
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from tests.unit.backend.idle_engine import LocalEngine

HEAD = "# syntax=docker/dockerfile:1\nFROM scratch AS one\nCOPY a /a\n# of the second\n"
SECOND = "FROM one AS Two\nCOPY b /b\n\n"
TEXT = f"{HEAD}{SECOND}FROM scratch\nCOPY --from=two /b /b\n"


def built(directory: Path, target: str | None, builder: str = "podman 4.3.1") -> str | None:
    """The text of the file that an engine gets instead of the project's; None for that one."""
    (directory / "Dockerfile").write_text(TEXT)
    step = BuildImage(directory, target=target)
    engine = cast("Engine", LocalEngine())
    reporter = StepReporter(lambda _: None, 1)
    with rewrite_build(step, engine, reporter, RewriteOptions(builder)) as (made, _):
        return made.containerfile.read_text() if made.containerfile else None


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("one", HEAD),
        ("two", HEAD + SECOND),
        ("TWO", HEAD + SECOND),
        (None, None),
    ],
)
def test_it_ends_with_the_stage_that_is_built(
    tmp_path: Path, target: str | None, text: str | None
) -> None:
    assert built(tmp_path, target) == text
    assert built(tmp_path, target, "buildah 1.28.2") == text


@pytest.mark.parametrize("target", ["1", "2", "nope"])
def test_a_target_that_docker_does_not_know_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(ContainerfileError, match=f"there is no stage {target}"):
        built(tmp_path, target)


def test_docker_gets_the_file_as_it_is(tmp_path: Path) -> None:
    assert built(tmp_path, "one", "docker-classic 20.10.24") is None


def test_an_ignore_file_of_its_own_stays_its_own(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "Dockerfile.dockerignore").write_text("b\n")
    step = BuildImage(tmp_path, containerfile=tmp_path / "Dockerfile", target="one")
    engine = cast("Engine", LocalEngine())
    reporter = StepReporter(lambda _: None, 1)
    with rewrite_build(step, engine, reporter, RewriteOptions("podman 4.3.1")) as (made, _):
        assert made.containerfile is not None
        beside = made.containerfile.with_name("Dockerfile.dockerignore")
        assert beside.read_text() == "b\n"
