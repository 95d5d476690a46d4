"""Whole images, held against what docker with BuildKit made of the same cases.

tests/data/reference has what docker made; contrib/reference writes it. What an engine is known to
make otherwise is named in differences.json there: a case that has come to agree is to be taken off.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark import ParameterSet

from rootless_build.backend import api
from rootless_build.backend.api import Engine, EngineSettings
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import RbuildError
from rootless_build.model.plan import BuildImage
from rootless_build.testing.recorder import Recorder
from tests.reference import recordings
from tests.reference.case import Case, digest
from tests.reference.cases import CASES, FAMILIES
from tests.reference.contexts import write_context
from tests.reference.images import Image, read_image

_ENGINES: Final = ("podman", "buildah")
_LINE: Final = re.compile(r"^\S*?:(\d+)")
RECORDINGS: Final = {
    name: case for family in FAMILIES for name, case in recordings.read(family)["cases"].items()
}
KNOWN: Final[dict[str, list[str]]] = json.loads(
    (recordings.DIRECTORY / "differences.json").read_text()
)
Read = Callable[[api.Image], Image]


def _pairs() -> Iterator[ParameterSet]:
    """Each case with both engines. In podman is a buildah: in CI they build cases by turns, and
    half of them, so that it takes two minutes.
    """
    for engine, name in enumerate(_ENGINES):
        for number, case in enumerate(CASES):
            marks = [pytest.mark.xdist_group(name)]
            if number % 4 != 2 * engine:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(name, case, marks=marks, id=f"{name}-{case.name}")


@pytest.fixture(scope="session")
def read(backend_name: str, settings: EngineSettings, storage: Path) -> Read:
    """Reads an image out of the engine's storage."""
    file = storage / "image.tar"
    save = {
        "podman": ("podman", "save", "--quiet", "--format=docker-archive", f"--output={file}"),
        "buildah": ("buildah", "push", "--quiet"),
    }[backend_name]
    place = {"podman": (), "buildah": (f"docker-archive:{file}",)}[backend_name]

    def read_out(image: api.Image) -> Image:
        file.unlink(missing_ok=True)
        environment = {**os.environ, **dict(settings.environment)}
        subprocess.run(
            [*save, image.id, *place], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return read_image(file)

    return read_out


@pytest.fixture(scope="session")
def base(read: Read, base_image: api.Image) -> Image:
    """The base image as this engine keeps it."""
    return read(base_image)


@pytest.mark.parametrize(
    ("backend_name", "case"), list(_pairs()), indirect=["backend_name"], scope="session"
)
def test_what_docker_makes(
    case: Case,
    backend_name: str,
    engine: Engine,
    base: Image,
    read: Read,
    building: RewriteOptions,
    place: Path,
) -> None:
    recording = RECORDINGS[case.name]
    try:
        image, line = read(_build(case, engine, building, place / "case")), 0
        words = ""
    except RbuildError as error:
        image, line = None, _line(error)
        words = f"{error}\n{error.engine_words}"
    found = "\n".join(recordings.differences(recording, image, base, line))
    if case.name not in KNOWN[backend_name]:
        assert not found, f"{found}\n{words}"
    elif found:
        pytest.xfail(found)
    else:
        pytest.fail(f"this is docker's now: take it off the list of {backend_name}")


def _build(case: Case, engine: Engine, building: RewriteOptions, place: Path) -> api.Image:
    write_context(place / "context", case.files())
    for name, more in case.more.items():
        write_context(place / "more" / name, more)
    step = BuildImage(
        place / "context",
        place / "context" / case.file,
        target=case.target,
        build_args=case.args,
        network="host",
        # A layer of another case may differ in times alone, which the engines don't see.
        no_cache=True,
        build_contexts=tuple((name, str(place / "more" / name)) for name in case.more),
    )
    recorder = Recorder()
    return build_image(step, engine, recorder.reporter, building)


def _line(error: RbuildError) -> int:
    found = _LINE.match(str(error))
    return int(found[1]) if found else 0


# --- the data -----------------------------------------------------------------------------------


def test_each_case_has_a_recording_of_itself() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert {case.name: digest(case) for case in CASES} == {
        name: recording["input"] for name, recording in RECORDINGS.items()
    }


def test_known_differences_are_of_cases() -> None:
    assert set(KNOWN) == set(_ENGINES)
    for names in KNOWN.values():
        assert names == sorted(set(names))
        assert set(names) <= set(RECORDINGS)
