"""One layer in the place of several: what it has, and that it makes of one image the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.images.layers.request import Becoming
from tests.unit.images.layers.made_trees import layers, paths, read

TIME = 1_500_000_000


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """An image: `d/f` and `d/g` are one file of two names."""
    root = tmp_path / "before"
    (root / "d").mkdir(parents=True)
    for name in ("d/f", "e", "gone"):
        (root / name).write_text(name)
    (root / "l").symlink_to("e")
    os.link(root / "d" / "f", root / "d" / "g")
    settle(root)
    return root


def settle(root: Path) -> None:
    """One time, so that only what a test changes is another."""
    for path in (*root.rglob("*"), root):
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def copied(before: Path) -> Path:
    """The same image, in other files."""
    root = before.with_name("after")
    (root / "d").mkdir(parents=True)
    for name in ("d/f", "e", "gone"):
        (root / name).write_bytes((before / name).read_bytes())
    (root / "l").symlink_to("e")
    os.link(root / "d" / "f", root / "d" / "g")
    settle(root)
    return root


def difference(before: Path, after: Path, output: Path) -> list[str]:
    """The names in the layer."""
    layers(output, [Becoming((after,))], (before,))
    return paths(read(output / "0.tar"))


def test_what_is_the_same_is_not_in_it(before: Path, tmp_path: Path) -> None:
    assert difference(before, copied(before), tmp_path / "out") == []


def write_of_the_same_size(root: Path) -> None:
    (root / "e").write_text("x")


def replace_directory(root: Path) -> None:
    (root / "d" / "f").unlink()
    (root / "d" / "g").unlink()
    (root / "d").rmdir()
    (root / "d").write_text("file")


def replace_file(root: Path) -> None:
    (root / "e").unlink()
    (root / "e" / "below").mkdir(parents=True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "gone").unlink(), [".wh.gone"]),
        (write_of_the_same_size, ["e"]),
        (lambda root: (root / "e").chmod(0o600), ["e"]),
        (lambda root: (root / "d").chmod(0o700), ["d/"]),
        (lambda root: (root / "d" / "new").mkdir(), ["d/", "d/new/"]),
        (replace_directory, ["d"]),
        (replace_file, ["e/", "e/below/"]),
        # Its other name too: it would be a file of its own.
        (lambda root: os.link(root / "d" / "f", root / "h"), ["d/", "d/f", "d/g", "h"]),
        (lambda root: (root / "d" / "f").write_text("xyz"), ["d/", "d/f", "d/g"]),
    ],
)
def test_what_has_changed_is(
    before: Path, tmp_path: Path, change: Callable[[Path], object], expected: list[str]
) -> None:
    after = copied(before)
    change(after)
    settle(after)
    assert difference(before, after, tmp_path / "out") == expected


def test_all_names_of_a_file_are_one_file(before: Path, tmp_path: Path) -> None:
    after = copied(before)
    os.link(after / "e", after / "h")
    settle(after)
    difference(before, after, tmp_path / "out")
    found = read(tmp_path / "out" / "0.tar")
    assert found["e"].first == found["h"].first == "e"


def test_another_time_is_another_file(before: Path, tmp_path: Path) -> None:
    after = copied(before)
    os.utime(after / "l", (TIME, TIME + 1), follow_symlinks=False)
    assert difference(before, after, tmp_path / "out") == ["l"]


def test_all_of_it_upon_nothing(before: Path, tmp_path: Path) -> None:
    layers(tmp_path / "out", [Becoming((before,))])
    assert paths(read(tmp_path / "out" / "0.tar")) == ["d/", "d/f", "d/g", "e", "gone", "l"]
