"""Engines that keep images otherwise than with the kernel's overlay, or where nobody can read them:
what an instruction finds in the image before it, and files of stages, as docker has them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from rootless_build.backend.api import Engine, image_store, saved_images
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
_MOUNTS: Final = ("stages: mounted", "mount: of a stage that sets something")
"""Of a service alone; the classic builder has no mounts."""
_IN_CI: Final = ("podman:vfs", "buildah:vfs", "podman:service", "docker:classic")
"""Each has a part of the cases there."""
_BY_HAND: Final = (
    *("podman:fuse-overlayfs", "buildah:fuse-overlayfs"),
    *("podman:masked", "buildah:masked"),
)
"""Where udev does not open /dev/fuse to everybody there is no storage of fuse-overlayfs. What a
masked one has is read as that of a service is; test_everywhere.py has it too.
"""


def _rows() -> Iterator[ParameterSet]:
    cases = {case.name: case for case in CASES}
    for turn, setup in enumerate((*_IN_CI, *_BY_HAND)):
        engine, _, variant = setup.partition(":")
        for number, name in enumerate(_CASES):
            marks = [pytest.mark.xdist_group(setup)]
            if setup in _BY_HAND or number % 4 != turn % 2:
                marks.append(pytest.mark.exhaustive)
            parameters = (engine, variant, cases[name])
            yield pytest.param(*parameters, marks=marks, id=f"{setup}-{name}")
    group = pytest.mark.xdist_group("podman:service")
    for name in _MOUNTS:
        yield pytest.param("podman", "service", cases[name], marks=group, id=f"service-{name}")


@pytest.mark.parametrize(
    ("backend_name", "variant", "case"),
    list(_rows()),
    indirect=["backend_name", "variant"],
    scope="session",
)
def test_what_docker_makes(
    case: Case, variant: str, engine: Engine, request: pytest.FixtureRequest
) -> None:
    fuse = variant == "fuse-overlayfs"
    if fuse and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse can't be opened by this user")
    store = image_store(engine)
    if variant == "masked":
        assert store is None
        assert saved_images(engine) is not None
    else:
        assert store is not None
        assert bool(store.mount_program) == fuse
        assert store.archives == (variant in {"service", "classic"})
    made: Made = request.getfixturevalue("made")
    found, words = made(case)
    assert not found, f"{found}\n{words}"
