"""Images that are kept with other drivers than the kernel's overlay: what an instruction finds in
the image before it, and files of stages, as docker has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from rootless_build.backend.api import Engine, image_store
from tests.containerfiles.held_against_docker import Made
from tests.reference.case import Case
from tests.reference.cases import CASES

_CASES: Final = (
    "place: a directory over a file",
    "place: a working directory that is there",
    "place: directories that are there get modes and times",
    "place: directories of a base",
    "place: a file over a directory, below",
    "link: to a directory in the path",
    "link: that leads nowhere in the path",
    "link: out of the root",
    "link: two that lead to each other",
    "link: a directory to a link that leads nowhere",
    "link: a tree over links",
    "link: a link over a directory",
    "link: a working directory",
    "link: a directory of the base that became one",
    "setuid and times, in a RUN",
    "hard links",
    "a pipe",
    "bytes",
    "extended attributes",
    "--chown: a group alone",
    "--chown: an unknown group",
    "--link: a directory over a directory",
    "--parents: two pivots",
    "--from: a directory",
    "--from: all",
    "--from: an absolute link",
    "--from: a link out of the root",
    "--from: a glob",
    "--from: owners",
    "--from: a pipe",
    "--from: an image",
    "--from: an image, onto nothing",
    "--from: all that a stage has",
    "--from: a file that has two names",
    "--from: times in a RUN",
    "archive: a directory over a link",
    "WORKDIR: of a user, in a RUN",
    "WORKDIR: of a stage that another begins with",
    "VOLUME: then RUN",
    "ONBUILD: from a stage",
)
_DRIVERS: Final = ("vfs", "fuse-overlayfs")


def _rows() -> Iterator[ParameterSet]:
    """Each with one of the engines by turns, and all with both where they are asked for."""
    cases = {case.name: case for case in CASES}
    for driver in _DRIVERS:
        for number, name in enumerate(_CASES):
            for turn, engine in enumerate(("podman", "buildah")):
                marks = [pytest.mark.xdist_group(f"{engine}:{driver}")]
                # Where udev does not open /dev/fuse to everybody there is no such storage.
                if driver != "vfs" or number % 2 != turn:
                    marks.append(pytest.mark.exhaustive)
                parameters = (engine, driver, cases[name])
                yield pytest.param(*parameters, marks=marks, id=f"{engine}-{driver}-{name}")


@pytest.mark.parametrize(
    ("backend_name", "storage_driver", "case"),
    list(_rows()),
    indirect=["backend_name", "storage_driver"],
    scope="session",
)
def test_what_docker_makes(
    case: Case, storage_driver: str, engine: Engine, request: pytest.FixtureRequest
) -> None:
    if storage_driver != "vfs" and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse can't be opened by this user")
    store = image_store(engine)
    assert store is not None
    assert bool(store.mount_program) == (storage_driver != "vfs")
    made: Made = request.getfixturevalue("made")
    found, words = made(case)
    assert not found, f"{found}\n{words}"
