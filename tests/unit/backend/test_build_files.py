"""Which files a build reads."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rootless_build.backend.build_files import (
    containerfile,
    existing_containerfile,
    own_ignore_file,
)
from rootless_build.model.plan import BuildImage


def test_the_containerfile_of_a_build(tmp_path: Path) -> None:
    build = BuildImage(tmp_path)
    docker, other = tmp_path / "Dockerfile", tmp_path / "Containerfile"
    docker.touch()
    other.touch()
    assert containerfile(build) == existing_containerfile(build) == docker
    docker.unlink()
    docker.mkdir()
    assert containerfile(build) == existing_containerfile(build) == other
    other.unlink()
    assert containerfile(build) == docker
    assert existing_containerfile(build) is None
    given = msgspec.structs.replace(build, containerfile=Path("/f"))
    assert containerfile(given) == Path("/f")
    assert own_ignore_file(containerfile(given)) == Path("/f.dockerignore")
