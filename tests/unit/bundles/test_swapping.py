"""Two directories change places, or nothing has changed: no error is taken for success."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from rootless_build.bundles import swapping
from rootless_build.bundles.staging import stage
from rootless_build.model.errors import HostError


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    directory = tmp_path / "bundles"
    directory.mkdir()
    (directory / "x").write_text("old")
    return directory


def made(bundles: Path) -> Path:
    """New bundles, in a directory of their own."""
    new = bundles.parent / "private/new"
    new.mkdir(parents=True)
    (new / "x").write_text("new")
    return new


class OldLibrary:
    """A libc, or a kernel, that can't exchange directories: it says so with this number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __getattr__(self, name: str) -> object:
        if name != "renameat2" or self._number == 0:
            raise AttributeError(name)
        return self._refuse

    def _refuse(self, *_: object) -> int:
        ctypes.set_errno(self._number)
        return -1


def test_both_are_there_afterwards(bundles: Path) -> None:
    new = made(bundles)
    swapping.swap(new, bundles)
    assert ((bundles / "x").read_text(), (new / "x").read_text()) == ("new", "old")


@pytest.mark.parametrize("number", [0, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM])
def test_what_cannot_be_exchanged_is_renamed_twice(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Zero: it does not know the call at all."""
    new = made(bundles)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: OldLibrary(number))
    swapping.swap(new, bundles)
    old = new.with_name(swapping.PREVIOUS)
    assert ((bundles / "x").read_text(), (old / "x").read_text()) == ("new", "old")
    assert not new.exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EBUSY, errno.EROFS, errno.EIO])
def test_another_error_is_told_and_nothing_has_changed(
    bundles: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: OldLibrary(number))
    with stage(bundles) as staging:
        (staging.path / "x").write_text("new")
        with pytest.raises(HostError) as caught:
            staging.publish()
    assert caught.value.finding == "bundles-not-writable"
    assert os.strerror(number) in caught.value.message
    assert "make room" not in caught.value.hint
    assert (bundles / "x").read_text() == "old"


def test_a_directory_that_is_not_there_replaces_none(bundles: Path) -> None:
    with pytest.raises(FileNotFoundError):
        swapping.swap(bundles.parent / "not-there", bundles)
    assert (bundles / "x").read_text() == "old"


def test_a_directory_that_waits_comes_back_where_there_is_none(bundles: Path) -> None:
    """An empty one that was made there meanwhile is none; nothing else is ever replaced."""
    beside = bundles.parent / "private"
    beside.mkdir()
    assert not swapping.recover(beside, bundles)
    bundles.rename(beside / swapping.PREVIOUS)
    for in_the_way in ("file", "full"):
        if in_the_way == "file":
            bundles.touch()
        else:
            bundles.mkdir()
            (bundles / "y").touch()
        assert not swapping.recover(beside, bundles)
        assert (beside / swapping.PREVIOUS / "x").exists()
        bundles.unlink() if bundles.is_file() else (bundles / "y").unlink()
    assert swapping.recover(beside, bundles)
    assert (bundles / "x").read_text() == "old"


def test_a_directory_that_waits_and_cannot_be_moved_is_told(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = bundles.parent / "private"
    (beside / swapping.PREVIOUS).mkdir(parents=True)

    def refuse(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(PermissionError):
        swapping.recover(beside, bundles)
