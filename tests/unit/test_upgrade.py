"""A home that 0.1.0 left: what is in it is read as it was meant, and found when it is to go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.backend import ImageLabel
from rootless_build.freshness.records import Records
from rootless_build.images.image_records import ImageRecords
from rootless_build.runner import own_directories
from rootless_build.runner.own_directories import OwnDirectories
from tests.upgrade_home import KEY, left_by_0_1_0

BUILT = "0d33acda66eb2137c37fea8be4bf1e041f422c4175eb63c415f6006f52c8ec25"
STAND_IN = "5bf2dc44ba2122cf2d3b304391a912b77f7462265e6f03dd55668669350f27cf"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return left_by_0_1_0(tmp_path / "home")


def test_the_record_of_images_is_whole(home: Path) -> None:
    place = home / "state/rbuild/images"
    records = {record.image: record for record in ImageRecords(place).all()}
    assert len(records) == len(list(place.glob("*.json"))) == 3
    assert records[BUILT].step.project == str(home / "project")
    assert "localhost/project-dev:latest" in records[BUILT].step.names
    assert BUILT in records[BUILT].ours
    assert STAND_IN in records


def test_what_the_last_runs_were_made_of_is_known(home: Path) -> None:
    records = Records.load(home / "cache/rbuild/projects" / KEY)
    built = records.images["docker.io/library/project-dev:latest"]
    assert built.id == BUILT
    assert built.parts["the base image debian:bookworm"] == STAND_IN
    (made,) = records.runs.values()
    assert "environment variable COMMIT" in made.parts[0]
    assert made.seconds > 0
    assert records.cold


def test_the_label_of_an_image_says_for_what_it_was_built(home: Path) -> None:
    labels = json.loads((home / "labels.json").read_text())
    label = ImageLabel.of(tuple(labels["image"].items()))
    assert label is not None
    assert label.project == str(home / "project")
    assert len(label.fingerprint) == 64


def test_all_of_it_is_found_and_goes(home: Path) -> None:
    own = OwnDirectories(home / "data/rbuild", home / "state/rbuild", home / "cache/rbuild")
    assert KEY in own.checkouts()
    assert len(own.of_checkout(KEY)) == 2
    records = ImageRecords(own.state / "images").all()
    own_directories.remove_all(own, [record.name for record in records], dry=False)
    assert [place for place in (own.data, own.state, own.cache) if place.exists()] == []
