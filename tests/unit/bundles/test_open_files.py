"""Nothing stays open of what was staged, published, kept, signed or installed: an engine that runs
for hours, or bundles of thousands of files, would come to the limit of open files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.bundles import failed_store
from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.installation import install
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.staging import stage
from rootless_build.bundles.verification import verify

NOTE = Attestation("p", {}, None)


def fill(directory: Path) -> Path:
    for name in ("binary/dockerd", "binary/docker", "cross/tool"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"\x7fELF" + name.encode())
        (directory / name).chmod(0o755)
    return directory


def publish(place: Path) -> None:
    with stage(place / "bundles") as staging:
        fill(staging.path)
        staging.add_checksums()
        staging.publish(NOTE)
    verify(place / "bundles")


def publish_beside(place: Path) -> None:
    publish(place)
    with stage(place / "bundles") as staging:
        for file in (staging.path / "binary").glob("docker.*"):
            file.unlink()
        (staging.path / "cross/more").mkdir()
        staging.publish_beside(NOTE)


def merge(place: Path) -> None:
    with stage(place / "bundles") as staging:
        staging.merge(fill(place / "out"), staging.path / "binary")
        staging.take(place / "out")


def keep(place: Path) -> None:
    with stage(place / "bundles") as staging:
        fill(staging.path)
        assert failed_store.keep(staging, place / "failed").paths


def put_programs(place: Path) -> None:
    assert list(install(fill(place / "bundles"), place / "usr", dry_run=False, unverified=True))


def checksums(place: Path) -> None:
    assert write_checksums(fill(place / "bundles"))


def opened() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(
    "act",
    [publish, publish_beside, merge, keep, put_programs, checksums],
    ids=lambda act: act.__name__,
)
def test_nothing_stays_open(tmp_path: Path, act: Callable[[Path], None]) -> None:
    before = opened()
    act(tmp_path)
    assert len(opened()) == len(before)


def test_nothing_stays_open_of_what_is_kept_on_another_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def other_device(source: Path, target: Path) -> None:
        if Path(source).is_relative_to(tmp_path / "project"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target)

    with stage(tmp_path / "project/bundles") as staging:
        fill(staging.path)
        monkeypatch.setattr(os, "rename", other_device)
        before = opened()
        assert failed_store.keep(staging, tmp_path / "failed").paths
        assert len(opened()) == len(before)
        monkeypatch.undo()
