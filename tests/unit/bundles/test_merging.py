"""What an output puts over what is in the bundles: directories are merged, all else replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rootless_build.bundles.merging import merge_tree, put_in_place, set_modes
from tests.unit.bundles.trees import Tree, write


def listing(root: Path) -> dict[str, str]:
    """What is in a tree: the text of files, where links lead, and directories."""
    found = {}
    for path in sorted(root.rglob("*")):
        below = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[below] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[below] = "/"
        else:
            found[below] = path.read_text()
    return found


FILE: tuple[bytes, int] = (b"new", 0o644)


@pytest.mark.parametrize(
    ("before", "made", "after"),
    [
        ({"x": (b"old", 0o644)}, {"x": FILE}, {"x": "new"}),
        ({"x": "gone"}, {"x": FILE}, {"x": "new"}),
        ({"x": {"y": (b"old", 0o644)}}, {"x": FILE}, {"x": "new"}),
        ({"x": (b"old", 0o644)}, {"x": {"y": FILE}}, {"x": "/", "x/y": "new"}),
        ({"x": "gone"}, {"x": {"y": FILE}}, {"x": "/", "x/y": "new"}),
        ({"d": {}, "x": "d"}, {"x": {"y": FILE}}, {"d": "/", "x": "/", "x/y": "new"}),
        ({"d": {}, "x": "d"}, {"x": FILE}, {"d": "/", "x": "new"}),
        ({"d": {}, "x": "d"}, {"x": "e"}, {"d": "/", "x": "-> e"}),
        (
            {"x": {"old": (b"old", 0o644)}},
            {"x": {"new": FILE}},
            {"x": "/", "x/new": "new", "x/old": "old"},
        ),
        ({}, {"x": {"y": FILE}}, {"x": "/", "x/y": "new"}),
    ],
)
def test_what_is_there_afterwards(
    tmp_path: Path, before: Tree, made: Tree, after: dict[str, str]
) -> None:
    for name in ("before", "made", "place"):
        (tmp_path / name).mkdir()
    write(before, tmp_path / "before")
    write(made, tmp_path / "made")
    merge_tree(tmp_path / "made", tmp_path / "before", tmp_path / "place")
    assert listing(tmp_path / "before") == after


@pytest.mark.parametrize("before", [0o755, 0o500, 0o070])
def test_directories_have_the_modes_of_the_new_ones(tmp_path: Path, before: int) -> None:
    """Whether the former ones could be written, or even read."""
    for name in ("before/old", "made/old", "made/new", "place"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "made/old/file").write_text("x")
    (tmp_path / "before/old").chmod(before)
    (tmp_path / "made/old").chmod(0o500)
    (tmp_path / "made/new").chmod(0o550)
    merge_tree(tmp_path / "made", tmp_path / "before", tmp_path / "place")
    modes = {
        name: stat.S_IMODE((tmp_path / "before" / name).stat().st_mode) for name in ("old", "new")
    }
    assert modes == {"old": 0o500, "new": 0o550}
    for name in ("old", "new"):
        (tmp_path / "before" / name).chmod(0o700)


@pytest.mark.parametrize("before", [(b"old", 0o644), "elsewhere"], ids=["file", "link"])
def test_a_file_has_its_name_all_the_time_while_it_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: tuple[bytes, int] | str
) -> None:
    for name in ("made", "place"):
        (tmp_path / name).mkdir()
    write({"x": before}, tmp_path / "before")
    write({"x": FILE}, tmp_path / "made")
    replace, there = os.replace, []

    def watched(source: Path, target: Path) -> None:
        there.append(os.path.lexists(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    merge_tree(tmp_path / "made", tmp_path / "before", tmp_path / "place")
    assert there == [True]
    assert listing(tmp_path / "before") == {"x": "new"}


def test_one_path_is_put_in_the_place_of_another(tmp_path: Path) -> None:
    write({"a": {"f": FILE}, "d": {}, "e": FILE, "same": {}}, tmp_path / "one")
    write({"d": (b"old", 0o644), "e": {}, "same": {"kept": FILE}}, tmp_path / "other")
    for path in ("a/f", "d", "e", "same"):
        put_in_place(tmp_path / "one", tmp_path / "other", path)
    assert listing(tmp_path / "other") == {
        "a": "/",
        "a/f": "new",
        "d": "/",
        "e": "new",
        "same": "/",
        "same/kept": "new",
    }


@pytest.mark.parametrize("text", ["outside", "outside/file", "nowhere"])
def test_a_link_is_replaced_and_not_followed(tmp_path: Path, text: str) -> None:
    """By a file, and by a directory."""
    write({"file": FILE}, tmp_path / "outside")
    write({"f": FILE, "d": {"below": FILE}}, tmp_path / "one")
    (tmp_path / "other").mkdir()
    for name in ("f", "d"):
        (tmp_path / "other" / name).symlink_to(tmp_path / text)
    for path in ("f", "d", "d/below"):
        put_in_place(tmp_path / "one", tmp_path / "other", path)
    assert listing(tmp_path / "other") == {"d": "/", "d/below": "new", "f": "new"}
    assert listing(tmp_path / "outside") == {"file": "new"}


def test_a_link_takes_the_place_of_what_is_there_as_it_is(tmp_path: Path) -> None:
    write({"a": "d", "b": "gone", "d": {}}, tmp_path / "one")
    write({"a": FILE, "b": {}}, tmp_path / "other")
    for path in ("a", "b"):
        put_in_place(tmp_path / "one", tmp_path / "other", path)
    assert listing(tmp_path / "other") == {"a": "-> d", "b": "-> gone"}


def test_a_directory_that_holds_something_is_not_replaced(tmp_path: Path) -> None:
    write({"x": FILE}, tmp_path / "one")
    write({"x": {"y": FILE}}, tmp_path / "other")
    with pytest.raises(OSError, match="not empty"):
        put_in_place(tmp_path / "one", tmp_path / "other", "x")


def test_modes_of_directories_that_are_still_there(tmp_path: Path) -> None:
    write({"d": {}, "f": FILE}, tmp_path / "t")
    set_modes(tmp_path / "t", {"d": 0o711, "gone": 0o700, "f/x": 0o700})
    assert stat.S_IMODE((tmp_path / "t/d").stat().st_mode) == 0o711
