"""Whole images, held against what docker with BuildKit made of the same cases.

tests/data/reference has what docker made; contrib/reference writes it. What an engine is known to
make otherwise is named in differences.json there: a case that has come to agree is to be taken off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from tests.containerfiles.held_against_docker import RECORDINGS, Made
from tests.reference import recordings
from tests.reference.case import Case, digest
from tests.reference.cases import CASES, RANDOM_FAMILIES

_ENGINES: Final = ("podman", "buildah")
_LOST: Final = re.compile(r"creating `[^`]*`: openat2 `[^`]*`: No such file or directory")
KNOWN: Final[dict[str, list[str]]] = json.loads(
    (recordings.DIRECTORY / "differences.json").read_text()
)


def _pairs() -> Iterator[ParameterSet]:
    """Each case with both engines. In podman is a buildah: in CI they build cases by turns, and
    a sixteenth of them, so that it takes a few minutes.
    """
    for engine, name in enumerate(_ENGINES):
        for number, case in enumerate(CASES):
            marks = [pytest.mark.xdist_group(name)]
            if number % 32 != 4 * engine:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(name, case, marks=marks, id=f"{name}-{case.name}")


@pytest.mark.parametrize(
    ("backend_name", "case"), list(_pairs()), indirect=["backend_name"], scope="session"
)
def test_what_docker_makes(case: Case, backend_name: str, made: Made) -> None:
    found, words = made(case)
    if found and _LOST.search(words):
        pytest.xfail("crun 1.28 mounts nothing over a link that leads nowhere, and says so")
    if case.name not in KNOWN[backend_name]:
        assert not found, f"{found}\n{words}"
    elif found:
        pytest.xfail(found)
    else:
        pytest.fail(f"this is docker's now: take it off the list of {backend_name}")


# --- the data -----------------------------------------------------------------------------------


def test_each_case_has_a_recording_of_itself() -> None:
    cases = (*CASES, *(case for family in RANDOM_FAMILIES.values() for case in family))
    assert len(cases) == len({case.name for case in cases})
    assert {case.name: digest(case) for case in cases} == {
        name: recording["input"] for name, recording in RECORDINGS.items()
    }


def test_known_differences_are_of_cases() -> None:
    assert set(KNOWN) == set(_ENGINES)
    for names in KNOWN.values():
        assert names == sorted(set(names))
        assert set(names) <= set(RECORDINGS)


def test_each_known_difference_has_a_reason_that_users_are_told() -> None:
    reasons: dict[str, list[str]] = json.loads((recordings.DIRECTORY / "reasons.json").read_text())
    told = (
        (Path(__file__).parents[2] / "docs" / "reference" / "differences.md")
        .read_text()
        .splitlines()
    )
    rows = [line.split("|")[1].strip() for line in told if line.startswith("| ")]
    assert rows[1:] == list(reasons)
    named = [case for cases in reasons.values() for case in cases]
    assert len(named) == len(set(named))
    assert set(named) == {case for cases in KNOWN.values() for case in cases}
