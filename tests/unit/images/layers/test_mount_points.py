"""What an engine leaves where it mounts something, and what it takes away there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.mount_points import MountPointsOf, Trees
from rootless_build.images.layers.nodes import FIXED_TIME, SECOND
from rootless_build.images.layers.sources import HostTree

OLD, NEW = 1_500_000_000, 1_600_000_000
Files = Mapping[str, str | None]
"""What is in a file by its path; None is a directory. A link begins with `->`."""


def make(root: Path, files: Files, time: int) -> Path:
    root.mkdir()
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        elif content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_text(content)
    for path in root.rglob("*"):
        os.utime(path, (time, time), follow_symlinks=False)
    return root


def put_right(
    place: Path, before: Files, layer: Files, paths: list[str], *, gone: tuple[str, ...] = ()
) -> dict[str, int]:
    """What the layer that puts it right has, with times in seconds; 0 for what it made itself."""
    after = {name: each for name, each in {**before, **layer}.items() if name not in gone}
    image = ImageTree(make(place / "after", after, NEW))
    image.operation = 1
    trees = Trees(
        HostTree(make(place / "before", before, OLD), FIXED_TIME, owned=True),
        HostTree(place / "after", FIXED_TIME, owned=True),
        [HostTree(make(place / "layer", layer, NEW), FIXED_TIME, owned=True)],
    )
    MountPointsOf(image).put_right(trees, paths)
    return {
        name: 0 if node.mtime == FIXED_TIME else node.mtime // SECOND
        for name, node in image.changes()
    }


def test_what_was_made_to_mount_on_goes_and_its_directory_has_its_time(tmp_path: Path) -> None:
    layer = {"etc/hosts": "", "m/n/p": None}
    found = put_right(tmp_path, {"etc/passwd": "x"}, layer, ["/etc/hosts", "/m/n/p"])
    assert found == {".wh.m": 0, "etc": OLD, "etc/.wh.hosts": 0}


def test_what_is_put_there_stays(tmp_path: Path) -> None:
    layer = {"etc/hosts": "1", "m/n/p": None, "m/x": ""}
    found = put_right(tmp_path, {"etc/passwd": "x"}, layer, ["/etc/hosts", "/m/n/p"])
    assert found == {"m": NEW, "m/.wh.n": 0}


def test_a_directory_that_was_changed_has_the_time_of_that(tmp_path: Path) -> None:
    layer = {"etc/hosts": "", "etc/d/new": "1"}
    found = put_right(tmp_path, {"etc/d/old": "x"}, layer, ["/etc/hosts"])
    assert found == {"etc": NEW, "etc/.wh.hosts": 0}


def test_what_was_empty_before_stays(tmp_path: Path) -> None:
    assert put_right(tmp_path, {"m": None, "f": ""}, {}, ["/m", "/f"]) == {}


@pytest.mark.parametrize(
    ("before", "path", "back"),
    [
        ({"a/m": None}, "/a/m", {"a/m"}),
        ({"a/m": "1"}, "/a/m", {"a/m"}),
        ({"a/m/d/f": "1", "a/m/e": None}, "/a/m", {"a/m", "a/m/d", "a/m/d/f", "a/m/e"}),
        ({"r/f": "1", "a/m": "->/r"}, "/a/m", {"a/m"}),
    ],
    ids=["an empty directory", "a file", "a directory with files", "a link"],
)
def test_what_the_engine_took_away_is_there_again(
    tmp_path: Path, before: Files, path: str, back: set[str]
) -> None:
    taken = tuple(name for name in before if name.startswith("a/m"))
    found = put_right(tmp_path, {**before, "a/x": ""}, {"a": None}, [path], gone=taken)
    assert found == {"a": OLD, **dict.fromkeys(back, OLD)}


def test_a_mount_point_behind_a_link(tmp_path: Path) -> None:
    found = put_right(tmp_path, {"m": "->r/s", "r/s": None}, {"r/s/n": None}, ["/m/n"])
    assert found == {"r": NEW, "r/s": OLD, "r/s/.wh.n": 0}
