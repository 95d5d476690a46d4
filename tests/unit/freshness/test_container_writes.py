"""Whether a container wrote anything at all into what it mounts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.freshness import container_writes
from rootless_build.model.plan import BindMount, RunContainer


def wrote(place: Path, work: Callable[[], object], *, read_only: bool = False) -> bool:
    """Whether it is taken for having written when it does this."""
    mounts = (BindMount(place, "/p", read_only=read_only),)
    there = [place, *place.rglob("*")] if place.exists() else []
    since = max((path.lstat().st_ctime_ns for path in there), default=0)
    while container_writes.now() <= since:
        """The clock of file systems has a tick."""
    work()
    return container_writes.has_written(RunContainer("i", mounts=mounts), since)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "p/deep/er").mkdir(parents=True)
    (tmp_path / "p/deep/er/file").write_text("x")
    (tmp_path / "p/other").write_text("x")
    return tmp_path / "p"


@pytest.mark.parametrize(
    "work",
    [
        lambda p: (p / "deep/er/file").write_text("y"),
        lambda p: (p / "deep/new").write_text("y"),
        lambda p: (p / "deep/link").symlink_to("nowhere"),
        lambda p: os.utime(p / "other", ns=(0, 0)),
        lambda p: (p / "other").chmod(0o600),
    ],
)
def test_what_is_written(place: Path, work: Callable[[Path], object]) -> None:
    assert wrote(place, lambda: work(place))
    assert not wrote(place, lambda: None)


@pytest.mark.parametrize("name", [".git", ".bundles.rbuild.1.2.x", ".rbuild-out-x"])
def test_what_git_and_rbuild_write_does_not_count(place: Path, name: str) -> None:
    def work() -> None:
        (place / name).mkdir()
        (place / name / "file").write_text("y")

    assert not wrote(place, work)


def test_a_name_that_only_looks_like_rbuilds(place: Path) -> None:
    assert wrote(place, lambda: (place / ".github").write_text("y"))


def test_what_a_container_may_only_read_does_not_count(place: Path) -> None:
    assert not wrote(place, lambda: (place / "other").write_text("y"), read_only=True)


def test_a_file_that_is_mounted(place: Path) -> None:
    file = place / "other"
    assert wrote(file, lambda: file.write_text("y"))
    assert not wrote(file, lambda: None)


def test_a_directory_that_is_gone_has_no_traces(place: Path) -> None:
    assert not wrote(place / "gone", lambda: None)


def test_a_file_that_is_written_now_is_not_older_than_now(tmp_path: Path) -> None:
    now = container_writes.now()
    (tmp_path / "file").write_text("x")
    assert (tmp_path / "file").stat().st_ctime_ns >= now
