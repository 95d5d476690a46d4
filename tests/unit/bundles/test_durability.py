"""What a power failure leaves: new bundles and programs are on the disk before the old ones go."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.bundles import changes
from rootless_build.bundles.installation import install
from rootless_build.bundles.staging import stage
from rootless_build.model.errors import HostError

Sync = Callable[[Path], None]


def watch_fsync(monkeypatch: pytest.MonkeyPatch, told: Sync) -> None:
    """Call `told` with each path that is brought to the disk."""
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        told(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    directory = tmp_path / "bundles"
    (directory / "binary").mkdir(parents=True)
    (directory / "binary/dockerd").write_text("old")
    return directory


def write(staged: Path) -> None:
    (staged / "binary/dockerd").write_text("new")
    (staged / "binary/sub").mkdir()
    (staged / "binary/sub/file").write_text("x")
    (staged / "binary/link").symlink_to("dockerd")


def test_new_bundles_are_on_the_disk_before_they_replace_the_old_and_so_is_that(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, str]] = []
    watch_fsync(
        monkeypatch, lambda path: synced.append((path, (bundles / "binary/dockerd").read_text()))
    )
    with stage(bundles) as staging:
        write(staging.path)
        new = staging.path
        staging.publish()
    below = ("", "binary", "binary/dockerd", "binary/sub", "binary/sub/file")
    assert {path for path, there in synced if there == "old"} == {new / name for name in below}
    assert [path for path, there in synced if there == "new"] == [bundles.parent]


class Library:
    """libc, in which syncfs is watched, or fails."""

    def __init__(self, libc: ctypes.CDLL, told: Sync, number: int) -> None:
        self.renameat2 = libc.renameat2
        self._told = told
        self._number = number

    def syncfs(self, descriptor: int) -> int:
        self._told(Path(f"/proc/self/fd/{descriptor}").readlink())
        ctypes.set_errno(self._number)
        return -1 if self._number else 0


def watch_syncfs(monkeypatch: pytest.MonkeyPatch, number: int = 0) -> list[Path]:
    synced: list[Path] = []
    libc = Library(ctypes.CDLL(None, use_errno=True), synced.append, number)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: libc)
    # So many that one by one takes longer.
    monkeypatch.setattr(changes, "_FSYNC_AT_MOST", 1)
    return synced


def test_of_many_files_the_whole_file_system_is_brought_to_the_disk(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = watch_syncfs(monkeypatch)
    with stage(bundles) as staging:
        write(staging.path)
        wanted = [staging.path]
        opened = len([*Path("/proc/self/fd").iterdir()])
        staging.publish()
        assert len([*Path("/proc/self/fd").iterdir()]) == opened
    assert synced == wanted
    assert (bundles / "binary/dockerd").read_text() == "new"


def test_new_bundles_that_did_not_get_to_the_disk_replace_nothing(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch_syncfs(monkeypatch, errno.ENOSPC)
    with stage(bundles) as staging:
        write(staging.path)
        with pytest.raises(HostError) as caught:
            staging.publish()
    assert caught.value.finding == "no-space"
    assert (bundles / "binary/dockerd").read_text() == "old"


def test_what_is_published_beside_others_work_is_on_the_disk_at_the_end(
    bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    with stage(bundles) as staging:
        write(staging.path)
        (bundles / "others").write_text("x")
        watch_fsync(monkeypatch, synced.append)
        new = staging.path
        staging.publish_beside()
    assert {new / "binary/dockerd", new / "binary/sub/file"} <= set(synced)
    assert synced[-1] == bundles


def test_a_program_is_on_the_disk_before_it_has_its_name_and_then_that_is(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundles / "binary/dockerd").chmod(0o755)
    target = tmp_path / "usr/bin/dockerd"
    synced: list[tuple[Path, str, bool]] = []
    watch_fsync(
        monkeypatch,
        lambda path: synced.append(
            (path.parent, path.read_text() if path.is_file() else "", target.exists())
        ),
    )
    list(install(bundles, tmp_path / "usr", dry_run=False, unverified=True))
    assert synced == [(target.parent, "old", False), (target.parent.parent, "", True)]
