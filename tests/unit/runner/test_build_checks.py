"""What `--call` of a build prints, held against what docker 29 printed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import pytest

from rootless_build.backend.api import Image
from rootless_build.backend.partial import PartialEngine
from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError, RbuildError, StepFailedError
from rootless_build.model.plan import CheckContainerfile, Origin
from rootless_build.recipes.docker import argv
from rootless_build.runner import build_checks
from rootless_build.testing.recorder import Recorder
from tests.reference.contexts import write_context
from tests.reference.scripts import recorded
from tests.reference.scripts.plain import Plain
from tests.reference.scripts.running import Call
from tests.reference.scripts.scripts import SCRIPTS

_QUIET: Final = " 2> /dev/null"
_SHOWN: Final = f"{_QUIET} | tr ' ' _"
"""So that what is recorded has all blanks."""
(SCRIPT,) = (each for each in SCRIPTS if each.name == "build: what it would do")
PRINTED: Final = recorded.read()["scripts"][SCRIPT.name]["calls"]
ALONE: Final = {
    call.removesuffix(_QUIET): printed
    for call, printed in zip(SCRIPT.calls, PRINTED, strict=True)
    if call.startswith("docker build ") and call.endswith(_QUIET)
}
"""Calls whose output nothing else reads."""
TABLES: Final = {
    call.removesuffix(_SHOWN): printed["out"]
    for call, printed in zip(SCRIPT.calls, PRINTED, strict=True)
    if call.endswith(_SHOWN) and "describe" not in call
}
"""Those of which all blanks are recorded, but for one in which a version is left out."""


class Stored(PartialEngine):
    """Has every image."""

    def find_image(self, reference: str) -> Image | None:
        path = (("PATH", "/bin"),)
        return Image(reference, environment=path, platform=platforms.host())


def answered(place: Path, words: str) -> tuple[str, RbuildError | None]:
    """What is printed, and how it ends."""
    recorder = Recorder()
    origin = Origin("Makefile", 1, words)
    error = None
    try:
        step, _ = argv.parse(shlex.split(words)[1:], argv.Context(place, {}, origin))
        assert isinstance(step, CheckContainerfile)
        build_checks.check(step, Stored(), recorder.reporter)
    except RbuildError as ended:
        error = ended
    return recorder.stdout.decode(), error


@pytest.mark.parametrize("call", ALONE)
def test_it_is_answered_as_docker_answers_it(tmp_path: Path, call: str) -> None:
    write_context(tmp_path / "c", SCRIPT.files)
    printed, error = answered(tmp_path / "c", call)
    expected: Call = ALONE[call]
    assert Plain({}).plain(printed) == expected["out"]
    assert (error is None) == (expected["status"] == 0)


@pytest.mark.parametrize("call", TABLES)
def test_tables_are_as_wide_as_dockers(tmp_path: Path, call: str) -> None:
    write_context(tmp_path / "c", SCRIPT.files)
    assert answered(tmp_path / "c", call)[0].replace(" ", "_") == TABLES[call]


def test_a_status_can_be_ignored(tmp_path: Path) -> None:
    write_context(tmp_path / "c", {"Dockerfile": "FROM scratch as a\n"})
    assert isinstance(answered(tmp_path / "c", "docker build --check .")[1], StepFailedError)
    assert answered(tmp_path / "c", "docker build --call=check,ignorestatus=true .")[1] is None


def test_json_has_the_error_too(tmp_path: Path) -> None:
    write_context(tmp_path / "c", {"Dockerfile": "FROM scratch\nFOO x\n"})
    printed, error = answered(tmp_path / "c", "docker build --call=check,format=json .")
    assert isinstance(error, ContainerfileError)
    assert '"warnings": null' in printed
    assert '"buildError": {\n    "message": "dockerfile parse error on line 2: ' in printed
