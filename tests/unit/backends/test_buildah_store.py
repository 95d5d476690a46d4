"""The records, the image layout and the reaper of the buildah backend, without buildah."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import rbuild_buildah
from rbuild_buildah.command import Buildah
from rbuild_buildah.container import discard_half_filled
from rbuild_buildah.rootfs import write_layout
from rbuild_buildah.store import Store, filling
from rootless_build.backend.api import EngineSettings
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import RunContainer, VolumeMount
from rootless_build.process import identities as identity

REAPER = Path(rbuild_buildah.__file__).with_name("reaper.py")


def test_a_container_is_on_record_with_its_own_labels_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.new_container(None, (("io.rbuild.project", "/p"), ("maintainer", "x")))
    (found,) = store.containers()
    assert found == made
    assert found.name.startswith("rbuild-")
    assert found.labels == (("io.rbuild.project", "/p"),)


def test_a_volume_keeps_its_labels_and_content_when_it_is_used_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = store.make_volume("cache", (("io.rbuild.project", "/first"),))
    (made.data / "kept").touch()
    store.make_volume("cache", (("io.rbuild.project", "/second"),))
    (found,) = store.volumes()
    assert found.labels == (("io.rbuild.project", "/first"),)
    assert (found.data / "kept").exists()


@pytest.mark.parametrize("name", ["..", "a/b", "", "-a", ".x", "a b"])
def test_no_volume_lies_outside_the_place_for_volumes(tmp_path: Path, name: str) -> None:
    with pytest.raises(StepFailedError, match="name of a volume"):
        Store(tmp_path).volume(name)


def test_a_damaged_record_does_not_hide_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (store.make_volume("bad", ()).directory / "volume.json").write_text("{")
    store.make_volume("good", ())
    assert [volume.name for volume in store.volumes()] == ["good"]


def _root() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("etc"))
    return content.getvalue()


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, lzma.compress, bz2.compress], ids=lambda f: f.__module__
)
def test_an_image_layout_names_its_parts_by_their_digests(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    root = _root()
    (tmp_path / "root").write_bytes(compress(root))
    layout = tmp_path / "layout"
    write_layout(layout, tmp_path / "root", (("io.rbuild.base", "debian"),))
    blobs = layout / "blobs" / "sha256"
    for blob in blobs.iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    index = json.loads((layout / "index.json").read_text())
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
    assert (blobs / manifest["layers"][0]["digest"][7:]).read_bytes() == compress(root)
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(root).hexdigest()]
    assert config["config"]["Labels"] == {"io.rbuild.base": "debian"}


@pytest.mark.parametrize(
    "content",
    [
        b"\x1f\x8bno gzip",
        b"\x28\xb5\x2f\xfdzstd",
        gzip.compress(b"x", mtime=0)[:10] + b"\xff" * 20,
        gzip.compress(b"x", mtime=0)[:-3],
        lzma.compress(b"x")[:-3],
        bz2.compress(b"x" * 100)[:20] + b"\xff" * 40,
    ],
)
def test_an_archive_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "root.tar"
    archive.write_bytes(content)
    with pytest.raises(StepFailedError, match=r"root\.tar"):
        write_layout(tmp_path / "layout", archive, ())


def _reaped(script: str, *through: str) -> subprocess.Popen[bytes]:
    argv = [*through, sys.executable, "-I", "-S", str(REAPER), "sh", "-c", script]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


def test_what_a_program_left_in_the_background_ends_with_it() -> None:
    # The pipe ends only when the last process that holds it is gone.
    with _reaped("setsid sleep 300 & (trap '' TERM; sleep 300) & exit 7") as reaper:
        assert reaper.communicate(timeout=30)[0] == b""
    assert reaper.returncode == 7


def test_the_end_of_a_program_is_seen_where_the_signal_for_it_is_ignored() -> None:
    with _reaped("exit 7", "env", "--ignore-signal=CHLD") as reaper:
        reaper.communicate(timeout=30)
    assert reaper.returncode == 7


def test_a_program_ended_by_a_signal_is_seen_to_be() -> None:
    with _reaped("kill -TERM $$") as reaper:
        reaper.communicate(timeout=30)
    assert reaper.returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    ("identity", "kept"), [("1.1", False), (identity.of_this(), True)], ids=["dead", "alive"]
)
def test_a_volume_that_a_killed_run_had_begun_to_fill_starts_anew(
    tmp_path: Path, identity: str, kept: bool
) -> None:
    store = Store(tmp_path)
    data = store.make_volume("cache", ()).data
    (data / "half").write_text("")
    filling(data).write_text(identity)
    settings = EngineSettings(tmp_path, tmp_path, rootless=False)
    step = RunContainer("dev", mounts=(VolumeMount("/c", "cache"), VolumeMount("/d", "none")))
    discard_half_filled(Buildah(settings), store, step)
    assert (data / "half").exists() == kept
    assert filling(data).exists() == kept
    assert data.is_dir()


def test_a_program_is_told_to_end() -> None:
    with _reaped("trap 'echo bye; exit 3' TERM; echo ready; sleep 300 & wait") as reaper:
        assert reaper.stdout is not None
        assert reaper.stdout.readline() == b"ready\n"
        os.kill(reaper.pid, signal.SIGTERM)
        assert reaper.communicate(timeout=30)[0] == b"bye\n"
    assert reaper.returncode == 3
