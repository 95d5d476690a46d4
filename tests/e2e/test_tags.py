"""`docker tag` and `docker pull` in a recipe: steps like the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman")

MAKEFILE = """\
binary:
	docker pull debian:bookworm
	docker build --network host -t tagged:new .
	docker tag tagged:new tagged
	docker run --rm --network host -v $(CURDIR)/bundles:/b tagged cp /made /b/made
tested:
	docker build --network host -t tagged:new .
	docker run --rm --network host tagged:new false
	docker tag tagged:new tagged:tested
missing:
	docker pull localhost/no-such:1
"""


def test_names_and_images_that_are_there(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Makefile").write_text(MAKEFILE)
    (project / "Dockerfile").write_text("FROM debian:bookworm\nCOPY source /made\n")
    (project / ".dockerignore").write_text("*\n!source\n")
    rbuild = Rbuild(project, backend_name, rbuild_environment)
    for text in ("one\n", "two\n"):
        (project / "source").write_text(text)
        done = rbuild("binary")
        assert done.returncode == 0, done.stderr
        assert (project / "bundles" / "made").read_text() == text
        done = rbuild("binary")
        assert "nothing changed" in done.stderr, done.stderr
        assert rbuild("plan", "binary").stdout.count("unchanged, would not be done") == 4
    (project / "source").write_text("three\n")
    plan = rbuild("plan", "binary").stdout
    assert "tag-image, from Makefile:4: may be done: its image is built first" in plan
    # What failed its test does not get the name.
    assert rbuild("tested").returncode == 1
    done = rbuild("run", "--image", "tagged:tested", "true")
    assert done.returncode == 3
    done = rbuild("missing")
    assert done.returncode == 3
    assert "localhost/no-such:1" in done.stderr
