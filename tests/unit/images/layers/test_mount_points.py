"""What an engine leaves where it mounts something, and what it takes away there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.mount_points import MountPointsOf, Trees
from rootless_build.images.layers.nodes import FIXED_TIME, SECOND
from rootless_build.images.layers.request import Made, MountPoints
from rootless_build.images.layers.sources import HostTree
from tests.unit.images.layers.made_trees import answered, copying, paths, read

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
    image.begin(1)
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


def test_what_crun_made_and_stays_has_no_sticky_bit(tmp_path: Path) -> None:
    """Where nobody made it: a RUN can have given what it made itself any mode."""
    before: Files = {"sys": None, "t/x": ""}
    files: Files = {"dev": None, "m/n": None, "m/x": "", "run/x": "", "other": None}
    after = make(tmp_path / "after", {**before, **files}, NEW)
    for name in ("dev", "sys", "t", "m", "m/n", "other"):
        (after / name).chmod(0o1755)
    (after / "run").chmod(0o1777)
    image = ImageTree(after)
    image.begin(1)
    trees = Trees(
        HostTree(make(tmp_path / "before", before, OLD), FIXED_TIME, owned=True),
        HostTree(after, FIXED_TIME, owned=True),
        None,
    )
    MountPointsOf(image).put_right(trees, ["/m/n", "/t/x", "/run/.containerenv"])
    assert {
        name: oct(node.mode & 0o7777) for name, node in image.changes() if "wh" not in name
    } == {
        "dev": "0o755",
        "m": "0o755",
    }


def test_a_mount_point_behind_a_link(tmp_path: Path) -> None:
    found = put_right(tmp_path, {"m": "->r/s", "r/s": None}, {"r/s/n": None}, ["/m/n"])
    assert found == {"r": NEW, "r/s": OLD, "r/s/.wh.n": 0}


def image_after_a_run(tmp_path: Path) -> tuple[tuple[Path, ...], MountPoints]:
    """An image where a RUN had something mounted, and what is to be put right in it."""
    before = make(tmp_path / "before", {"etc/passwd": "x"}, OLD)
    after = make(tmp_path / "after", {"etc/passwd": "x", "etc/hosts": "", "m": None}, NEW)
    work = MountPoints((before,), ("/etc/hosts",), ("/m",), alone=True, merge=True)
    return (after,), work


def made_upon(tmp_path: Path, destination: str, *, link: bool = False) -> tuple[list[str], ...]:
    """What is in the layers when a file is copied there."""
    base, work = image_after_a_run(tmp_path)
    context = make(tmp_path / "context", {"f": "1"}, NEW)
    made = answered(tmp_path / "out", [work, copying(context, "f", destination, link=link)], base)
    assert isinstance(made, Made)
    assert len(made.layers) == 2
    return tuple(
        [] if layer.empty else paths(read(tmp_path / "out" / f"{number}.tar"))
        for number, layer in enumerate(made.layers)
    )


def test_what_is_put_right_is_in_the_layer_that_follows(tmp_path: Path) -> None:
    assert made_upon(tmp_path, "/x") == ([], [".wh.m", "etc/", "etc/.wh.hosts", "x"])


def test_what_is_copied_where_something_goes_has_a_layer_of_its_own(tmp_path: Path) -> None:
    """And finds nothing there: /m is a file then, and no directory."""
    assert made_upon(tmp_path, "/m") == ([".wh.m", "etc/", "etc/.wh.hosts"], ["m"])


def test_a_linked_layer_has_nothing_that_is_put_right(tmp_path: Path) -> None:
    right, copied = made_upon(tmp_path, "/x", link=True)
    assert ".wh.m" in right
    assert copied == ["x"]
