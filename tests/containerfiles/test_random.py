"""Trees and lines of COPY made at random, built by engines and held against docker with BuildKit.

tests/unit/images/layers builds the same ones without an engine: those that docker refuses too,
which need none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from tests.containerfiles.held_against_docker import RECORDINGS, Made
from tests.reference.case import Case
from tests.reference.random_cases import RANDOM

_ENGINES: Final = ("podman", "buildah")


def _pairs() -> Iterator[ParameterSet]:
    """Each case with both engines; in CI those that docker builds, by turns."""
    built = 0
    for case in RANDOM:
        refused = "refused" in RECORDINGS[case.name]
        built += not refused
        for turn, name in enumerate(_ENGINES):
            marks = [pytest.mark.xdist_group(name)]
            if refused or built % 2 != turn:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(name, case, marks=marks, id=f"{name}-{case.name}")


@pytest.mark.parametrize(
    ("backend_name", "case"), list(_pairs()), indirect=["backend_name"], scope="session"
)
def test_what_docker_makes(case: Case, backend_name: str, made: Made) -> None:
    found, words = made(case)
    if found.startswith("refused at") and "refused" in RECORDINGS[case.name]:
        return  # which of two wrong lines BuildKit comes to first is not always the same
    assert not found, f"{backend_name}: {found}\n{words}"
