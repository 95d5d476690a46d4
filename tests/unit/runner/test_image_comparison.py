"""Two images of one build: what they say of themselves, and what is in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.backend.api import LABEL_IMAGE, Image
from rootless_build.runner import image_comparison
from rootless_build.runner.image_comparison import ImageDifference

IMAGE = Image(
    "1" * 64,
    command=("a", "b"),
    environment=(("A", "1"),),
    labels=(("l", "1"), (LABEL_IMAGE, "- /p")),
    layers=("x", "y"),
)


def test_settings_and_labels_but_not_rbuilds_own() -> None:
    again = Image(
        "2" * 64,
        environment=(("A", "2"),),
        user="1000",
        labels=(("m", "2"), (LABEL_IMAGE, "f /p")),
    )
    assert [one.text for one in image_comparison.settings(IMAGE, again)] == [
        "has the command nothing instead of a b",
        "has the environment A=2 instead of A=1",
        "has the user 1000 instead of nothing",
        "lost the label l, which is 1",
        "has the label m=2, which is new",
    ]
    assert list(image_comparison.settings(IMAGE, IMAGE)) == []


def test_layers_that_an_engine_does_not_tell_are_not_the_same() -> None:
    untold = Image("3" * 64)
    assert image_comparison.same_layers(IMAGE, IMAGE)
    assert not image_comparison.same_layers(untold, untold)


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    """Two file trees that are the same but for their times."""
    for name in ("before", "again"):
        (tmp_path / name / "d/closed").mkdir(parents=True)
        (tmp_path / name / "d/file").write_text("some words")
        (tmp_path / name / "d/closed/file").write_text("secret")
        (tmp_path / name / "link").symlink_to("d/file")
        (tmp_path / name / "dangling").symlink_to("/nowhere")
        os.mkfifo(tmp_path / name / "pipe")
        (tmp_path / name / "d/closed/file").chmod(0)
        (tmp_path / name / "d/closed").chmod(0)
    os.utime(tmp_path / "again/d/file", (1, 1))
    return tmp_path / "before", tmp_path / "again"


def test_times_are_not_looked_at_and_what_is_closed_is_opened(trees: tuple[Path, Path]) -> None:
    assert image_comparison.files(*trees) == (7, ())


def test_what_differs_is_told_once_for_each_kind(trees: tuple[Path, Path]) -> None:
    again = trees[1]
    (again / "d/file").write_text("some other words")
    (again / "d/file").chmod(0o600)
    (again / "link").unlink()
    (again / "link").symlink_to("d")
    (again / "dangling").unlink()
    (again / "dangling").mkdir()
    (again / "pipe").unlink()
    (again / "new").write_text("")
    (again / "d/closed").chmod(0o700)
    same, found = image_comparison.files(*trees)
    assert found == (
        ImageDifference("d/closed", "has the mode 700 instead of 0"),
        ImageDifference("d/file", "has the mode 600 instead of 644"),
        ImageDifference(
            "d/file", "differs at offset 0x5; it has 16 bytes instead of 10", readable=True
        ),
        ImageDifference("dangling", "is a directory instead of a link"),
        ImageDifference("link", "leads to d instead of d/file"),
        ImageDifference("new", "was not there before"),
        ImageDifference("pipe", "is not there again"),
    )
    # `d` and the file in `d/closed`.
    assert same == 2
