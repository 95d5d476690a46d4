"""`rbuild clean` removes what rbuild made, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.host import engine_settings, gather
from tests.e2e.driver import Rbuild, events
from tests.e2e.waiting import WAIT, at_work

pytestmark = pytest.mark.in_ci("podman", "docker")

MEGABYTES = 4
MAKEFILE = """\
binary: build
	docker run --rm -v $(CURDIR)/bundles:/bundles cleaned cp /one /bundles/one
build:
	docker build -t cleaned .
"""
DOCKERFILE = """\
FROM debian:bookworm AS first
COPY one /one
RUN cp /one /of-the-stage
FROM debian:bookworm
ENV A=1
COPY one /one
RUN cat /one /one > /twice
COPY --from=first /of-the-stage /three
"""


@pytest.fixture
def on_terminal() -> bool:
    return False


@pytest.fixture
def project(rbuild: Rbuild) -> Rbuild:
    """One whose image has layers of 4, 8 and 4 MB, and whose other stage has two of 4."""
    name = f"cleaned-{rbuild.project.parent.name.lower().replace('_', '-')}"
    for file in rbuild.project.iterdir():
        if file.is_file():
            file.unlink()
    (rbuild.project / "Makefile").write_text(MAKEFILE.replace("cleaned", name))
    (rbuild.project / "Dockerfile").write_text(DOCKERFILE)
    (rbuild.project / ".dockerignore").write_text("*\n!one\n")
    (rbuild.project / "name").write_text(name)
    edit(rbuild)
    return rbuild


def edit(rbuild: Rbuild) -> None:
    (rbuild.project / "one").write_bytes(os.urandom(MEGABYTES * 10**6))


def name_of(rbuild: Rbuild) -> str:
    return (rbuild.project / "name").read_text()


def engine(rbuild: Rbuild, *words: str) -> str:
    """What the user's own command of the engine prints."""
    with engine_settings(gather(rbuild.environment)) as settings:
        environment = {**rbuild.environment, **dict(settings.environment)}
        done = subprocess.run(
            [rbuild.backend, *words], env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ids(rbuild: Rbuild) -> set[str]:
    """Of all images, as the engine lists them."""
    words = ("images", "--all", "--quiet", "--no-trunc")
    return {line.removeprefix("sha256:") for line in engine(rbuild, *words).split()}


def built(rbuild: Rbuild) -> None:
    done = rbuild("build")
    assert done.returncode == 0, done.stderr


def cleaned(rbuild: Rbuild, *words: str) -> list[dict[str, object]]:
    """What it said, as objects."""
    done = rbuild("--log-format", "json", "clean", *words)
    assert done.returncode == 0, done.stdout
    return events(done.stdout)


def removed(said: list[dict[str, object]]) -> list[str]:
    return [str(each["what"]) for each in said if each["event"] == "removed"]


def kept(said: list[dict[str, object]]) -> dict[str, str]:
    return {str(each["what"]): str(each["why"]) for each in said if each["event"] == "kept"}


@contextmanager
def from_image(rbuild: Rbuild, image: str) -> Iterator[str]:
    """A container of the user's, stopped; its name."""
    if rbuild.backend == "buildah":
        name = engine(rbuild, "from", "--pull-never", image).strip()
        end = ("rm", name)
    else:
        name = f"of-the-user-{name_of(rbuild)}"
        engine(rbuild, "create", "--network", "none", "--name", name, image, "true")
        end = ("rm", name)
    try:
        yield name
    finally:
        engine(rbuild, *end)


def test_all_images_of_a_project_go_in_one_call(project: Rbuild) -> None:
    """Those of single instructions and of other stages included."""
    before = ids(project)
    built(project)
    edit(project)
    built(project)
    made = ids(project) - before
    assert len(made) > 3
    shown = cleaned(project, "--images", "--dry-run")
    assert ids(project) - before == made
    said = cleaned(project, "--images")
    assert ids(project) == before
    assert removed(said) == removed(shown)
    assert len(removed(said)) == len(made)
    assert removed(cleaned(project, "--images")) == []


def test_a_build_removes_what_it_replaced(project: Rbuild) -> None:
    """With what that alone was made of: no build after another takes more room."""
    before = ids(project)
    built(project)
    first = ids(project) - before
    for _ in range(2):
        edit(project)
        built(project)
    assert len(ids(project) - before) == len(first)
    assert full_name(project) in names(project)
    edit(project)
    done = project("--keep-images", "1", "-v", "build")
    assert "the image that was replaced" not in done.stderr
    assert len(ids(project) - before) > len(first)
    edit(project)
    (project.project / "rbuild.toml").write_text("[defaults]\nkeep-images = 1\n")
    done = project("-v", "build")
    assert "the image that was replaced is gone" in done.stderr
    kept_one = ids(project)
    edit(project)
    done = project("build")
    assert len(ids(project)) == len(kept_one)
    cleaned(project, "--images")
    assert ids(project) == before


def test_a_replaced_image_that_is_used_stays(project: Rbuild) -> None:
    before = ids(project)
    built(project)
    with from_image(project, name_of(project)):
        edit(project)
        built(project)
        edit(project)
        assert "in use" not in project("build").stderr
        stays = kept(cleaned(project, "--images", "--dry-run"))
        assert len([why for why in stays.values() if "container" in why]) == 1
    edit(project)
    built(project)
    assert not kept(cleaned(project, "--images"))
    assert ids(project) == before


def test_what_the_user_made_of_an_image_stays(project: Rbuild, tmp_path: Path) -> None:
    """Labels are inherited, and say nothing of who built an image."""
    built(project)
    (tmp_path / "Dockerfile").write_text(f"FROM {name_of(project)}\nCOPY Dockerfile /mine\n")
    mine = f"localhost/mine-{name_of(project)}"
    engine(project, "build", "--network", "host", "-t", mine, str(tmp_path))
    before = ids(project)
    said = cleaned(project, "--images")
    of_image = kept(said)[f"image {full_name(project)}"]
    assert of_image == f"the image {mine}:latest is made of it"
    # Other stages' images are not what it is made of.
    gone = before - ids(project)
    assert len(gone) == len(removed(said))
    engine(project, "rmi", f"{mine}:latest")
    cleaned(project, "--images")
    assert not [name for name in names(project) if name_of(project) in name]


def full_name(rbuild: Rbuild) -> str:
    prefix = "" if rbuild.backend == "docker" else "localhost/"
    return f"{prefix}{name_of(rbuild)}:latest"


def names(rbuild: Rbuild) -> list[str]:
    if rbuild.backend == "docker":
        return engine(rbuild, "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    format_ = "{{.Name}}:{{.Tag}}" if rbuild.backend == "buildah" else "{{.Repository}}:{{.Tag}}"
    return engine(rbuild, "images", "--format", format_).split()


def test_an_image_that_a_container_was_made_of_stays(project: Rbuild) -> None:
    built(project)
    with from_image(project, name_of(project)) as container:
        said = cleaned(project, "--images")
        assert kept(said)[f"image {full_name(project)}"] == (
            f"the container {container} was made of it"
        )
        assert full_name(project) in names(project)
        text = project("clean", "--images")
        assert f"image {full_name(project)} stays: the container {container}" in text.stdout
    assert f"image {full_name(project)}" in removed(cleaned(project, "--images"))


def test_an_image_that_the_user_named_stays(project: Rbuild) -> None:
    built(project)
    mine = f"localhost/named-{name_of(project)}:1"
    engine(project, "tag", name_of(project), mine)
    said = cleaned(project, "--images")
    assert kept(said)[f"image {full_name(project)}"] == f"it is also called {mine}"
    assert {mine, full_name(project)} <= set(names(project))
    engine(project, "rmi", mine)
    assert f"image {full_name(project)}" in removed(cleaned(project, "--images"))


def test_what_a_killed_build_made_goes_too(project: Rbuild) -> None:
    before = ids(project)
    (project.project / "Waits").write_text(f"{DOCKERFILE}RUN {WAIT}\n")
    with at_work(project, "-f", "Waits", "build") as running:
        running.kill()
        running.wait(60)
    assert ids(project) - before
    cleaned(project)
    cleaned(project, "--images")
    assert ids(project) == before


def test_images_of_another_project_stay(project: Rbuild, tmp_path: Path) -> None:
    """Both are made of the same layers."""
    before = ids(project)
    built(project)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("Makefile", "Dockerfile", ".dockerignore", "one", "name"):
        data = (project.project / name).read_bytes()
        (other / name).write_bytes(data.replace(b"cleaned-", b"other-"))
    another = replace(project, project=other)
    built(another)
    theirs = full_name(another)
    said = cleaned(project, "--images")
    assert f"image {full_name(project)}" in removed(said)
    assert all(str(other) in why or theirs in why for why in kept(said).values())
    assert theirs in names(project)
    records = Path(project.environment["XDG_STATE_HOME"]) / "rbuild" / "images"
    assert [json.loads(file.read_text())["project"] for file in records.glob("*.json")]
    cleaned(another, "--images")
    assert ids(project) == before
