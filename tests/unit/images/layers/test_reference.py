"""Cases of the reference that need no engine, held against what docker made of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from rootless_build.backend.api import UserNamespace
from rootless_build.images.layers.client import LayerMaker
from rootless_build.testing.base_root import write_base_root
from tests.reference import recordings
from tests.reference.case import Case
from tests.reference.cases import FAMILIES, RANDOM_FAMILIES
from tests.reference.random_cases import RANDOM
from tests.unit.images.layers.case_builds import (
    BeyondTheMakerError,
    CaseBuild,
    RefusedAtError,
    read_layers,
)

RECORDINGS: Final = {
    name: case
    for family in (*FAMILIES, *RANDOM_FAMILIES)
    for name, case in recordings.read(family)["cases"].items()
}
_OF_FILES: Final = ("copy", "flags", "stages", "add", "configuration", "ignore")
EXPLAINED: Final = {
    "place: a file of the size and the time of another": (
        "docker takes a file of the same size and time for the same"
    ),
    "source: bytes that are no text": "BuildKit can't send such names",
}
"""Cases that come out otherwise on purpose, and why."""
OF_THE_DRIVER: Final = frozenset(
    {
        "--parents: ADD",
        "--from: ADD",
        "ADD: of COPY with unpack",
        "heredoc: an end that is not there",
        "image: of a target in other letters",
        "variable: of the heading",
        "variable: the platform's",
    }
)
"""What has nothing to do with how a layer is made."""


def _alone() -> Iterator[Case]:
    """Cases that the maker alone can build, as far as the containerfile says."""
    of_files = (case for family in _OF_FILES for case in FAMILIES[family])
    random = (case for family in RANDOM_FAMILIES.values() for case in family)
    for case in (*of_files, *random):
        recording = RECORDINGS.get(case.name)
        if recording is None or case.name in OF_THE_DRIVER:
            continue
        try:
            build = CaseBuild(case, Path())
        except BeyondTheMakerError:
            continue
        except RefusedAtError:
            yield case
        else:
            if os.geteuid() == 0 or not build.needs_owners:
                yield case


ALONE: Final = tuple(_alone())


@pytest.fixture(scope="module")
def maker() -> Iterator[LayerMaker]:
    """As root, if only of a namespace: so the files of a stage are root's."""
    own = () if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user")
    with LayerMaker(UserNamespace(own)) as made:
        yield made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' base image, as an archive."""
    file = tmp_path_factory.mktemp("base") / "base.tar"
    write_base_root(file)
    return file


@pytest.mark.parametrize("case", ALONE, ids=lambda case: case.name)
def test_what_docker_makes(case: Case, maker: LayerMaker, base: Path, tmp_path: Path) -> None:
    recording = RECORDINGS[case.name]
    words = ""
    try:
        made = CaseBuild(case, tmp_path / "case", base).image(maker)
        # What the maker does not make.
        image, line = replace(made, configuration=recording.get("configuration", {})), 0
    except RefusedAtError as error:
        image, line, words = None, error.line, str(error)
    before = read_layers(tmp_path / "base.tar", [base])
    found = "\n".join(recordings.differences(recording, image, before, line))
    if found and image is None and "refused" in recording and case in RANDOM:
        return  # which of two wrong lines BuildKit comes to first is not always the same
    if found and case.name in EXPLAINED:
        pytest.xfail(EXPLAINED[case.name])
    assert not found, f"{found}\n{words}"


def test_many_cases_need_no_engine() -> None:
    assert len(ALONE) > 100
