"""A home that 0.1.0 left: what is in it is read as it was meant, and found when it is to go."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend import ImageLabel
from rootless_build.backend.api import (
    LABEL_PROCESS,
    LABEL_UNFINISHED,
    Engine,
    Leftover,
    LeftoverKind,
)
from rootless_build.freshness.records import Records
from rootless_build.images.image_records import ImageRecords
from rootless_build.runner import journal, own_directories, recovery
from rootless_build.runner.journal import Record
from rootless_build.runner.own_directories import OwnDirectories
from tests.unit.backend.idle_engine import EngineWith
from tests.upgrade_home import BEGUN, KEY, KILLED, left_by_0_1_0

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


def test_the_labels_of_a_volume_say_whose_it_is(home: Path) -> None:
    labels = json.loads((home / "labels.json").read_text())
    volume = Leftover(LeftoverKind.VOLUME, "1", "cache", tuple(labels["volume"].items()))
    engine = cast("Engine", EngineWith(volume))
    works = {str(home / "project"): "nothing"}
    ((found, worker),) = recovery.volumes(engine, home / "project", works.__getitem__)
    assert (found.what, worker) == ("volume cache", "nothing")
    assert list(recovery.volumes(engine, home / "other", works.__getitem__)) == []


def killed(home: Path) -> Record:
    return next(r for r, _ in journal.crashed(home / "data/rbuild") if r.identity == KILLED)


def test_the_records_of_killed_runs_are_read_whole(home: Path) -> None:
    crashed = {
        record.identity: (record, at) for record, at in journal.crashed(home / "data/rbuild")
    }
    assert set(crashed) == {KILLED, BEGUN}
    record, at = crashed[KILLED]
    assert record == Record(
        identity=KILLED,
        host=platform.node(),
        boot="a03c46cc-6086-47dc-97c3-ca4afece9c87",
        project=home / "project",
        title="rbuild binary",
        started="2026-11-30T17:15:02.503+00:00",
        backend="podman",
        runtime_directory=home / f"run/rbuild-{KILLED}-k3v9x2qa",
        bundles=home / "project/bundles",
    )
    assert at == home / "data/rbuild/runs" / KEY / KILLED
    begun, at = crashed[BEGUN]
    assert begun.project == home / "project"
    assert (begun.backend, begun.runtime_directory, begun.bundles) == ("", None, None)
    journal.discard(at)
    assert [record.identity for record, _ in journal.crashed(home / "data/rbuild")] == [KILLED]


def test_what_a_killed_run_left_is_cleared_by_its_record(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = killed(home)
    assert record.runtime_directory
    assert record.bundles
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(record.runtime_directory.parent))
    record.bundles.mkdir(parents=True)
    staging = record.bundles.with_name(f".bundles.rbuild.{KILLED}.x1y2z3")
    for left in (record.runtime_directory, staging):
        left.mkdir(mode=0o700, parents=True)
    made = datetime.fromisoformat("2026-11-30T17:16:00+00:00").timestamp()
    own = Leftover(LeftoverKind.CONTAINER, "1", "own", ((LABEL_PROCESS, KILLED),))
    broken = Leftover(LeftoverKind.CONTAINER, "2", "broken", ((LABEL_UNFINISHED, str(made)),))
    other = Leftover(LeftoverKind.CONTAINER, "3", "other", ((LABEL_PROCESS, BEGUN),))
    engine = EngineWith(own, broken, other)
    settings = {"CONTAINERS_CONF": f"{record.runtime_directory}/containers.conf"}
    with subprocess.Popen(["sleep", "60"], env={**os.environ, **settings}) as at_work:
        recovery.clear(record, cast("Engine", engine), (), "2026-11-30T17:17:00.000+00:00")
        assert at_work.wait() == -signal.SIGKILL
    assert engine.removed == [own, broken]
    assert not record.runtime_directory.exists()
    assert not staging.exists()
    assert record.bundles.exists()


def test_all_of_it_is_found_and_goes(home: Path) -> None:
    own = OwnDirectories(home / "data/rbuild", home / "state/rbuild", home / "cache/rbuild")
    assert KEY in own.checkouts()
    assert len(own.of_checkout(KEY)) == 2
    records = ImageRecords(own.state / "images").all()
    own_directories.remove_all(own, [record.name for record in records], dry=False)
    assert [place for place in (own.data, own.state, own.cache) if place.exists()] == []
