"""`rbuild reproduce` where images are built, and where the image of the bundles is gone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild, events
from tests.e2e.made_bundles import digests

CONTAINERFILE = """
FROM debian:bookworm AS app
WORKDIR /srv
RUN mkdir deep && echo app > deep/app.txt && chmod 400 deep/app.txt
RUN mkdir closed && echo closed > closed/file && chmod 0 closed/file closed
FROM app AS random
RUN cat /proc/sys/kernel/random/uuid > id
LABEL example=value
FROM scratch AS files
COPY --from=app /srv/deep /tool
FROM scratch AS id
COPY --from=random /srv/id /tool/id
COPY --from=random /srv/deep /tool
"""
BAKE = """
target "default" {
  target = "files"
  output = ["bundles"]
}
target "elsewhere" {
  target = "files"
  output = ["type=local,dest=out"]
}
target "id" {
  target = "id"
  output = ["bundles"]
}
target "app" { target = "app" }
target "tagged" {
  target = "app"
  tags = ["example/tagged:1"]
}
target "random" {
  target = "random"
  tags = ["example/random:1"]
}
target "nothing" {
  target = "app"
  output = ["type=cacheonly"]
}
"""

REMOVING = """
import os, sys
from rootless_build.backend import discovery as registry
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.gathering import gather
backend, name = sys.argv[1:]
with engine_settings(gather(os.environ)) as settings:
    with registry.load(backend).open(settings) as engine:
        wanted = engine.find_image(name).id
        found = [image for image in engine.stored_images().images if image.id == wanted]
        assert found and not engine.remove_images(found)
"""


@pytest.fixture
def baked(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: dict[str, str]
) -> Rbuild:
    """`rbuild` in a project whose recipe is a bake file."""
    project = tmp_path / "project"
    project.mkdir()
    # Nothing of it comes out of the cache of another test.
    own = CONTAINERFILE.replace("echo app", f"echo {tmp_path.name}")
    (project / "Dockerfile").write_text(own)
    (project / ".dockerignore").write_text("*\n")
    (project / "docker-bake.hcl").write_text(BAKE)
    return Rbuild(project, backend_name, rbuild_environment)


def test_files_of_a_build_are_the_same(baked: Rbuild) -> None:
    assert baked().returncode == 0
    before = digests(baked.bundles)
    done = baked("reproduce")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "reproducible: the one file is the same, byte for byte" in done.stdout
    assert digests(baked.bundles) == before
    assert [path.name for path in baked.project.iterdir() if "rbuild" in path.name] == []
    assert baked.leftovers() == []


@pytest.mark.in_ci("podman")
def test_files_that_are_no_bundles(baked: Rbuild) -> None:
    assert baked("elsewhere").returncode == 0
    made = baked.project / "out/tool/app.txt"
    written = made.stat().st_mtime_ns
    done = baked("reproduce", "elsewhere")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "reproducible: the one file" in done.stdout
    assert made.stat().st_mtime_ns == written
    made.chmod(0o600)
    text = made.read_text()
    made.write_text(f"{text[:2]}#{text[3:]}")
    done = baked("reproduce", "elsewhere")
    assert done.returncode == 1
    assert f"{made} differs at offset 0x2" in done.stdout
    assert made.read_text() != text


@pytest.mark.in_ci("podman")
def test_a_file_that_differs_is_named(baked: Rbuild) -> None:
    assert baked("id").returncode == 0
    before = digests(baked.bundles)
    done = baked("--log-format", "json", "reproduce", "id")
    assert done.returncode == 1, done.stderr
    told = {event["event"]: event for event in events(done.stdout)}
    assert (told["difference"]["path"], told["difference"]["image"]) == ("tool/id", "")
    assert (told["reproduced"]["same"], told["reproduced"]["differing"]) == (1, 1)
    assert digests(baked.bundles) == before


def test_an_image_that_can_be_reproduced_is(baked: Rbuild) -> None:
    done = baked("reproduce", "tagged")
    assert done.returncode == 3
    assert "there is no image example/tagged:1 to compare with" in done.stderr
    assert "build: rbuild tagged" in done.stderr
    assert baked("tagged").returncode == 0
    done = baked("reproduce", "tagged")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the image example/tagged:1: " in done.stdout
    assert "reproducible: " in done.stdout
    # The image is the one that it was.
    done = baked("--explain", "tagged")
    assert "unchanged" in done.stderr, done.stderr
    assert baked.leftovers() == []


@pytest.mark.in_ci("podman")
def test_an_image_that_can_not_be_reproduced_names_file_and_image(baked: Rbuild) -> None:
    assert baked("random").returncode == 0
    done = baked("reproduce", "random")
    assert done.returncode == 1, done.stderr
    assert "example/random:1: srv/id differs at offset 0x" in done.stdout
    assert "not reproducible: 1 of " in done.stdout


@pytest.mark.in_ci("podman")
def test_an_image_without_a_name_is_built_twice(baked: Rbuild) -> None:
    assert baked("app").returncode == 0
    before = untagged(baked)
    assert before, "it stays for the next build"
    done = baked("reproduce", "app")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "the image app, built twice since it has no name" in done.stdout
    # What was there before is there.
    assert before <= untagged(baked)


@pytest.mark.in_ci("podman")
def test_what_leaves_nothing_can_not_be_compared(baked: Rbuild) -> None:
    done = baked("reproduce", "nothing")
    assert done.returncode == 2
    assert "leaves nothing that could be compared" in done.stderr
    done = baked("reproduce")
    assert done.returncode == 2
    assert "nothing in" in done.stderr
    assert "build: rbuild" in done.stderr


@pytest.mark.in_ci("podman")
def test_the_image_that_the_bundles_were_made_in_is_named_when_it_is_gone(rbuild: Rbuild) -> None:
    assert rbuild("binary").returncode == 0
    made = image(rbuild)
    remove_image(rbuild, made)
    done = rbuild("reproduce", "binary")
    assert done.returncode == 3, done.stderr + done.stdout
    assert f"the image {made} (" in done.stderr
    assert "that the bundles were made in is gone" in done.stderr
    assert "rbuild --force binary, and reproduce compares" in done.stderr
    assert rbuild("--force", "binary").returncode == 0
    assert rbuild("reproduce", "binary").returncode == 0


def untagged(rbuild: Rbuild) -> set[str]:
    """The images without a name that rbuild made here."""
    told = events(rbuild("--log-format", "json", "clean", "--images", "--dry-run").stdout)
    return {str(event["what"]) for event in told if event["event"] == "removed"}


def image(rbuild: Rbuild) -> str:
    """The one that the target's container runs."""
    steps = json.loads(rbuild("plan", "--format", "json", "binary").stdout)["steps"]
    (found,) = (step["image"] for step in steps if step["kind"] == "run-container")
    return str(found)


def remove_image(rbuild: Rbuild, name: str) -> None:
    """As somebody does with the engine itself."""
    argv = [sys.executable, "-c", REMOVING, rbuild.backend, name]
    subprocess.run(argv, env=rbuild.environment, check=True)
