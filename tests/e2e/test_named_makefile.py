"""`--makefile FILE` for the commands that do something: targets, `run`, `shell`, `reproduce`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman")

MAKEFILE = """\
RUN := docker run --rm --network host -v $(CURDIR)/bundles:/b -w /b debian:bookworm
binary:
	$(RUN) sh -c 'echo $(lastword $(MAKEFILE_LIST)) > made'
fails:
	$(RUN) false
"""


def test_what_it_says_is_done(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> None:
    project = tmp_path / "project"
    (project / "build").mkdir(parents=True)
    (project / "build" / "docker.mk").write_text(MAKEFILE)
    (project / "Makefile").write_text("binary: ; false\n")
    rbuild = Rbuild(project, backend_name, rbuild_environment)
    named = ("--makefile", "build/docker.mk")

    done = rbuild(*named, "binary")
    assert done.returncode == 0, done.stderr
    assert (rbuild.bundles / "made").read_text() == "build/docker.mk\n"
    assert "nothing changed" in rbuild("binary", *named).stderr
    done = rbuild("reproduce", *named, "binary")
    assert (done.returncode, done.stdout.startswith("reproducible: ")) == (0, True), done.stderr
    done = rbuild(*named, "run", "cat", "made")
    assert (done.returncode, done.stdout) == (0, "build/docker.mk\n"), done.stderr
    done = rbuild("fails", *named)
    assert done.returncode == 1
    assert "rbuild --makefile build/docker.mk run --target fails -- sh" in done.stderr
    assert rbuild("binary").returncode == 1
