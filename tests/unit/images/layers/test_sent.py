"""What is there of a context where a build takes some of it alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.layers.request import Copying, Directory, Refused
from rootless_build.images.layers.sent import sent_patterns
from rootless_build.images.layers.sources import HostTree
from tests.unit.images.layers.made_trees import answered, paths, tree


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    for name in ("app/f", "app/src/g", "docs/h", "other", "packages/a/src/i", "packages/read.me"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "to-app").symlink_to("app")
    (root / "abs").symlink_to("/docs/h")
    (root / "up").symlink_to("../..")
    (root / "docs" / "loop").symlink_to("loop")
    return root


@pytest.mark.parametrize(
    ("named", "patterns"),
    [
        (["app", "docs/h"], ("app", "docs/h")),
        (["app/f", "./app", "/app/src/../f"], ("app",)),
        (["to-app/src"], ("app/src", "to-app")),
        (["abs"], ("abs", "docs/h")),
        (["*bs", "o*"], ("*bs", "docs/h", "o*")),
        (["docs/loop"], ("docs/loop",)),
        (["packages/*/src"], ("packages/*/src",)),
        (["app", "."], ()),
        (["up"], ()),
        (["nothing/at/all"], ("nothing/at/all",)),
        (["to-app/f", "to-app/src"], ("app/f", "to-app")),
    ],
)
def test_what_is_named_is_followed(
    context: Path, named: list[str], patterns: tuple[str, ...]
) -> None:
    assert sent_patterns(HostTree(context, 0), named) == patterns


def copied(context: Path, path: str, *sent: str, parents: bool = False) -> Copying:
    source = Directory(context, path, sent=(path, *sent))
    return Copying((source,), "/x/", parents=parents)


def test_a_wildcard_finds_what_others_have_named(context: Path, tmp_path: Path) -> None:
    pattern = "packages/*/./src"
    alone = tree(tmp_path / "one", [copied(context, pattern, parents=True)])
    assert paths(alone) == ["x/", "x/src/", "x/src/i"]
    both = tree(tmp_path / "two", [copied(context, pattern, "packages", parents=True)])
    assert paths(both) == ["x/", "x/read.me", "x/src/", "x/src/i"]


def test_a_directory_of_which_nothing_is_named_is_not_there(context: Path, tmp_path: Path) -> None:
    alone = answered(tmp_path / "one", [copied(context, "app/no*")])
    assert isinstance(alone, Refused)
    assert tree(tmp_path / "two", [copied(context, "app/no*", "app/f")]) == {}


def test_no_directory_is_looked_into_that_no_path_leads_to(context: Path, tmp_path: Path) -> None:
    (context / "docs").chmod(0)
    try:
        made = tree(tmp_path / "out", [copied(context, "packages/*/src", "other")])
    finally:
        (context / "docs").chmod(0o755)
    assert paths(made) == ["x/", "x/i"]
