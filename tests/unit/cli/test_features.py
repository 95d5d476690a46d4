"""What `rbuild backends --features` says of what engines answered."""

from __future__ import annotations

import json

from rootless_build.cli.views import features
from rootless_build.images.rewrite.features import Answer, Feature

ANSWERS = {
    Feature.MOUNT_OWNER: Answer(exact=True, day="2026-11-30"),
    Feature.MOUNT_TMPFS_SIZE: Answer(exact=False, day="2026-11-30"),
}


def test_each_answer_says_where_it_is_from() -> None:
    rows = tuple(features.rows("podman", "podman 5.4.2", ANSWERS))
    lines = [line.split("  ") for line in features.as_text(rows).splitlines()]
    told = [[cell.strip() for cell in line if cell] for line in lines]
    assert [told[number] for number in (1, 2, 4)] == [
        ["podman 5.4.2", "writes to a bind mount are forgotten", "-", "not asked yet"],
        [
            "podman 5.4.2",
            "uid, gid and mode of a cache or secret mount",
            "the engine",
            "asked on 2026-11-30: as BuildKit",
        ],
        [
            "podman 5.4.2",
            "the size of a tmpfs mount",
            "rbuild",
            "asked on 2026-11-30: otherwise than BuildKit",
        ],
    ]
    assert json.loads(features.as_json(rows))[1] == {
        "backend": "podman",
        "engine": "podman 5.4.2",
        "feature": "uid, gid and mode of a cache or secret mount",
        "left_to_engine": True,
        "asked": "2026-11-30",
        "why": "",
    }


def test_builders_that_are_asked_nothing_are_there_too() -> None:
    (kit,) = features.rows("docker", "docker 29.1.3", {})
    (classic,) = features.rows("docker", "docker-classic 20.10.24", {})
    assert (kit.left, classic.left) == (True, False)
    assert kit.why
    assert classic.why
    (older,) = features.rows("docker", "docker 26.1.5+dfsg1", {})
    assert (older.left, older.why != kit.why) == (True, True)
    assert "26.1.5 has a BuildKit before 0.26" in older.why
    assert features.as_text(()) == "no engine can run here"
