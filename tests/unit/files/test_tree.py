"""Trees that are removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.files import tree


@pytest.mark.parametrize("other", ["file", "directory"])
def test_what_somebody_else_removes_meanwhile_ends_no_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """An engine that was left at work in it."""
    whole = tmp_path / "whole"
    (whole / "below/directory").mkdir(parents=True)
    for name in ("one", "two", "file"):
        (whole / "below" / name).touch()
    taken = whole / "below" / other
    unlink = os.unlink

    def take_first(name: str, *, dir_fd: int) -> None:
        if taken.is_dir():
            taken.rmdir()
        elif taken.exists():
            unlink(taken)
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", take_first)
    tree.remove(whole)
    assert not whole.exists()


def test_a_tree_into_which_somebody_writes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "one").touch()
    unlink = os.unlink

    def write(name: str, *, dir_fd: int) -> None:
        unlink(name, dir_fd=dir_fd)
        (whole / "another").touch()

    monkeypatch.setattr(os, "unlink", write)
    with pytest.raises(NotADirectoryError):
        tree.remove(whole)
