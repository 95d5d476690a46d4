"""Cases of the reference, read without an engine: what the image says, and where one is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from rootless_build.images import configuration as configurations
from rootless_build.model.errors import ImageNotFoundError, RbuildError
from rootless_build.model.plan import BuildImage
from rootless_build.testing.base_root import BASE
from tests.reference import recordings
from tests.reference.case import Case
from tests.reference.cases import FAMILIES
from tests.reference.contexts import write_context
from tests.reference.images import Configuration, configuration_of
from tests.reference.recordings import Recording
from tests.reference.refused import line_of
from tests.unit.images.segments.storage import EMPTY, Storage, build_there

_FAMILIES: Final = ("variables", "heredocs", "parser", "platforms", "settings")
_DIFFERENT: Final[dict[str, list[str]]] = json.loads(
    (recordings.DIRECTORY / "differences.json").read_text()
)


def _cases() -> Iterator[tuple[Case, Recording]]:
    for family in _FAMILIES:
        recorded = recordings.read(family)["cases"]
        for case in FAMILIES[family]:
            recording = recorded[case.name]
            # What needs files of images, and what a registry or the engine says.
            other = "RUN" in case.text.upper() or "--from=" in case.text or "invalid" in case.text
            other = other or (not case.named and case.file == "DOCKERFILE")
            other = other or ("Cmd" in recording.get("configuration", {}) and BASE in case.text)
            if not other and case.name not in _DIFFERENT["podman"]:
                yield case, recording


@pytest.mark.parametrize(
    ("case", "recording"), [pytest.param(*each, id=each[0].name) for each in _cases()]
)
def test_what_docker_says(case: Case, recording: Recording, tmp_path: Path) -> None:
    try:
        found, line, words = _said(case, tmp_path), 0, ""
    except ImageNotFoundError:
        assert "refused" in recording
        return
    except RbuildError as error:
        found, line, words = None, line_of(error), str(error)
    if "refused" in recording:
        assert found is None
        assert recording["refused"] in {0, line}, words
    else:
        assert found == recording["configuration"], words


def _said(case: Case, place: Path) -> Configuration:
    write_context(place / "context", case.files())
    for name, more in case.more.items():
        write_context(place / "more" / name, more)
    storage = Storage()
    storage.has(BASE, EMPTY)
    step = BuildImage(
        place / "context",
        place / "context" / case.file if case.named else None,
        target=case.target,
        build_args=case.args,
        build_contexts=tuple((name, str(place / "more" / name)) for name in case.more),
    )
    image = build_there(storage, step)
    said = json.loads(configurations.write(storage.configuration(image)))
    return configuration_of(said["config"])
