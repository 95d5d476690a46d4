"""`rbuild` as a user runs it, in a checkout and with storage that are a test's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.testing.base_root import write_base_root
from tests.e2e.driver import Rbuild
from tests.e2e.waiting import with_waiting_targets

PROJECT = Path(__file__).parent.parent / "data" / "project"


@pytest.fixture(scope="session")
def rbuild_environment(backend_name: str, user_environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment of the runs. The project itself mounts no bundles where DOCKER_HOST is set,
    so its own way to have them mounted is used (one test does without).
    """
    extra = {"RBUILD_BACKEND": backend_name, "NO_COLOR": "1", "TERM": "xterm"}
    return {**user_environment, **extra, "BINDDIR": "bundles"}


@pytest.fixture(scope="session")
def base(backend_name: str, rbuild_environment: Mapping[str, str], storage: Path) -> None:
    """localhost/debian:bookworm in the engine's storage: busybox under another name."""
    archive = storage / "bookworm.tar"
    write_base_root(archive)
    rbuild = Rbuild(storage, backend_name, rbuild_environment)
    done = rbuild("base", "--from", str(archive), "debian:bookworm")
    assert done.returncode == 0, done.stderr


@pytest.fixture(
    params=[
        pytest.param(False, id="pipes"),
        # tests/e2e/test_terminal.py is in CI.
        pytest.param(True, id="terminal", marks=pytest.mark.exhaustive),
    ]
)
def on_terminal(request: pytest.FixtureRequest) -> bool:
    """Whether rbuild runs on a terminal: what it makes is the same."""
    return bool(request.param)


@pytest.fixture
def rbuild(
    tmp_path: Path,
    base: None,
    backend_name: str,
    rbuild_environment: Mapping[str, str],
    *,
    on_terminal: bool,
) -> Rbuild:
    """`rbuild` in a fresh copy of the project."""
    project = checkout(PROJECT, tmp_path)
    return Rbuild(project, backend_name, rbuild_environment, on_terminal)


@pytest.fixture
def output_project(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    """`rbuild` in a copy of a project in the shape of Docker 20.10: `docker build --output`."""
    project = checkout(PROJECT.with_name("output-project"), tmp_path)
    return Rbuild(project, backend_name, rbuild_environment)


@pytest.fixture
def bake_project(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    """`rbuild` in a copy of a project in the shape of Docker 23.0: `docker buildx bake`."""
    project = checkout(PROJECT.with_name("bake-project"), tmp_path)
    return Rbuild(project, backend_name, rbuild_environment)


@pytest.fixture(scope="session")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each backend leaves what the others are compared with. xdist gives each a process."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    (place / "agreed").mkdir(exist_ok=True)
    return place / "agreed"


def checkout(source: Path, place: Path) -> Path:
    """A fresh copy of a project."""
    project = place / "project"
    shutil.copytree(source, project, symlinks=True)
    for directory, names, files in os.walk(project):
        # The checkout the tests came from may be read-only.
        for name in (*names, *files):
            path = Path(directory, name)
            path.chmod(path.stat().st_mode | 0o200)
    return project


@pytest.fixture
def waiting(rbuild: Rbuild, tmp_path_factory: pytest.TempPathFactory) -> Rbuild:
    """`rbuild` in a project with targets that wait, and a TMPDIR that is the test's own."""
    return with_waiting_targets(rbuild, tmp_path_factory.mktemp("tmp"))
