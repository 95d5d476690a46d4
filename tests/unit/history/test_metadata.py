"""The file of `--metadata-file` has the fields that its page says, whatever names are in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, cast

from rootless_build.bundles.digests import DigestedFile
from rootless_build.history import metadata
from rootless_build.history.learning import Learner
from rootless_build.history.record import VERSION, RunRecord
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    ImageReady,
    Level,
    Notice,
    StepFinished,
    StepStarted,
)

_PAGE: Final = Path(__file__).parents[3] / "docs/reference/metadata-file.md"
_LISTS: Final = ("steps", "images", "bundles")


def _written(place: Path, learner: Learner, status: int, *files: DigestedFile) -> dict[str, object]:
    file = metadata.MetadataFile(place, learner.ended("2026-12-01T10:00:00Z", 0, 0.0))
    file.end(learner.ended("2026-12-01T10:00:01Z", status, 1.5), files)
    return cast("dict[str, object]", json.loads(place.read_bytes()))


def _rows(told: dict[str, object], name: str) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", told[name])


def _learner() -> Learner:
    begun = RunRecord(VERSION, 0, "rbuild", Path("/p"), "2026-12-01T10:00:00Z", words=("x",))
    learner = Learner(begun)
    learner(BackendChosen("podman", "4.3.1", "first choice"))
    learner(StepStarted(1, 2, "build-image", "build image a"))
    learner(Notice(Level.INFO, "explain", "because: COPY changed", 1))
    learner(ImageReady(1, ("a:1", "b"), "0" * 64))
    learner(StepFinished(1, 2, "build-image", 0, 1.0))
    learner(StepStarted(2, 2, "run-container", "run make"))
    return learner


def test_the_page_names_each_field_and_no_other(tmp_path: Path) -> None:
    file = DigestedFile(Path("/p/bundles"), "x", 1, "00", None, new=True)
    told = _written(tmp_path / "made.json", _learner(), 0, file)
    text = _PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", text, re.MULTILINE)
    named = {name: said for names, said in rows for name in re.findall(r"`(\w+)`", names)}
    assert list(told) == list(named)
    for name in _LISTS:
        known = set(re.findall(r"`(\w+)`", named[name]))
        assert set(_rows(told, name)[0]) == known, name


def test_a_run_that_is_ended_in_a_step(tmp_path: Path) -> None:
    learner = _learner()
    learner.error(StepFailedError("run make failed with status 7"))
    learner(StepFinished(2, 2, "run-container", 7, 0.5))
    learner(BuildFinished(1, 1.5))
    told = _written(tmp_path / "made.json", learner, 1)
    assert (told["status"], told["state"], told["error"]) == (
        1,
        "failed",
        "run make failed with status 7",
    )
    assert [step["status"] for step in _rows(told, "steps")] == [0, 7]
    assert _written(tmp_path / "made.json", _learner(), 130)["state"] == "interrupted"


def test_names_that_are_no_text(tmp_path: Path) -> None:
    file = DigestedFile(Path("/p/\udcff"), "\udcfe", 1, None, "\udcfd", new=False)
    (told,) = _rows(_written(tmp_path / "made.json", _learner(), 0, file), "bundles")
    assert (told["directory"], told["path"], told["link"]) == ("/p/\udcff", "\udcfe", "\udcfd")
