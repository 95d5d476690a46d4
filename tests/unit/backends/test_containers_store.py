"""Images where podman and buildah keep them: which of them can be read as they lie."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rbuild_containers.image_store import containers_store
from rbuild_containers.storage_options import with_buildahs, with_podmans
from rbuild_containers.working import Storage
from rootless_build.backend.api import Image
from rootless_build.images.configuration import Configuration
from rootless_build.images.layers.handover import image_id, write_handover
from rootless_build.model.errors import ImageBuildError
from rootless_build.process import programs
from tests.unit.backends.storage_disk import CONFIGURATION, HIGH, IMAGE, LOW, Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_the_layers_are_told_from_the_top(disk: Disk) -> None:
    content = disk.content()
    assert content is not None
    overlay = disk.storage.root / "overlay"
    assert content.layers == (overlay / "high/diff", overlay / "low/diff")
    assert hashlib.sha256(content.configuration).hexdigest() == IMAGE.id


def test_an_image_without_layers_has_no_directories(disk: Disk) -> None:
    empty = Configuration("amd64", user="1")
    disk.add_image(empty, "")
    content = disk.store.content(Image(image_id(empty)))
    assert content is not None
    assert content.layers == ()


def test_an_image_of_which_a_layer_is_elsewhere_is_not_told(disk: Disk) -> None:
    disk.write("layers", disk.layers[1:])
    assert disk.content() is None


def test_an_image_whose_layers_are_others_is_not_told(disk: Disk) -> None:
    disk.write("layers", [{**disk.layers[0], "diff-digest": None}, disk.layers[1]])
    assert disk.content() is None


def test_a_layer_that_is_not_finished_or_not_there_is_not_told(disk: Disk) -> None:
    disk.write("layers", [disk.layers[0], {**disk.layers[1], "flags": {"incomplete": True}}])
    assert disk.content() is None
    disk.write("layers", disk.layers)
    assert disk.content() is not None
    (disk.storage.root / "overlay/low/diff").rmdir()
    assert disk.content() is None


def test_a_layer_of_composefs_is_not_told(disk: Disk) -> None:
    (disk.storage.root / "overlay/low/composefs-data").mkdir()
    assert disk.content() is None


def test_a_layer_whose_files_have_other_owners_is_not_told(disk: Disk) -> None:
    maps = [{"container_id": 0, "host_id": 1000, "size": 1}]
    disk.write("layers", [disk.layers[0], {**disk.layers[1], "uidmap": maps}])
    assert disk.content() is None


def test_an_image_that_an_engine_did_not_finish_is_not_told(disk: Disk) -> None:
    (disk.storage.root / "overlay-images" / IMAGE.id / "manifest").unlink()
    assert disk.content() is None


def test_layers_that_are_upon_each_other_end(disk: Disk) -> None:
    disk.write("layers", [{**disk.layers[0], "parent": "high"}, disk.layers[1]])
    assert disk.content() is not None


def test_what_changes_meanwhile_is_seen(disk: Disk) -> None:
    store = disk.store
    assert store.content(IMAGE) is not None
    disk.write("images", [])
    assert store.content(IMAGE) is None


def test_of_vfs_the_top_layer_has_all_files(tmp_path: Path) -> None:
    disk = Disk(tmp_path, "vfs")
    content = disk.content()
    assert content is not None
    assert content.layers == (tmp_path / "vfs/dir/high",)


@pytest.mark.parametrize(
    ("driver", "noted", "options", "known"),
    [
        ("overlay", "", [], True),
        ("overlay", "false", ["overlay.mountopt=nodev"], True),
        ("overlay", "true", [], False),
        ("overlay", "true", ["overlay.mount_program=/usr/bin/fuse-overlayfs"], True),
        ("overlay", "", ["overlay.mount_program=/opt/mounts"], False),
        ("overlay", "", ["overlay.ignore_chown_errors=true"], False),
        ("overlay", "", ["overlay.ignore_chown_errors=false"], True),
        ("overlay", "true", ["mount_program=/b/fuse-overlayfs", "force_mask=700"], False),
        ("vfs", "", [], True),
        ("vfs", "", ["vfs.ignore_chown_errors=true"], False),
        ("btrfs", "", [], False),
    ],
)
def test_a_storage_that_keeps_files_in_a_way_of_its_own_is_none(
    tmp_path: Path, driver: str, noted: str, options: list[str], known: bool
) -> None:
    if noted:
        (tmp_path / driver).mkdir()
        (tmp_path / driver / ".has-mount-program").write_text(noted)
    storage = with_buildahs(Storage(tmp_path, driver), options)
    store = containers_store(storage, lambda *_: programs.Completed(0, b"", b""))
    assert (store is not None) == known


def test_podman_and_buildah_tell_the_same_program(tmp_path: Path) -> None:
    storage, program = Storage(tmp_path, "overlay"), "/usr/bin/fuse-overlayfs"
    told = {"overlay.mount_program": {"Executable": program, "Version": "1.10"}}
    known = with_podmans(storage, json.dumps(told))
    assert known == with_buildahs(storage, [f"overlay.mount_program={program}"])
    assert known.mount_program == program
    assert with_podmans(storage, "null") == with_podmans(storage, "{}") == storage


def test_an_image_that_is_there_is_found_without_the_engine(disk: Disk, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    write_handover(layout, CONFIGURATION)
    found = disk.store.add(layout)
    assert (found.id, found.layers) == (IMAGE.id, (f"sha256:{LOW}", f"sha256:{HIGH}"))
    assert disk.asked == []


def test_an_engine_that_does_not_take_an_image_is_quoted(disk: Disk, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    write_handover(layout, Configuration("amd64", user="1"))
    with pytest.raises(ImageBuildError) as caught:
        disk.store.add(layout)
    assert "no space left" in caught.value.engine_words
    ((*_, source),) = disk.asked
    assert source == f"dir:{layout}"


def test_where_there_is_no_room_it_is_told(disk: Disk, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    write_handover(layout, Configuration("amd64", user="1"))
    (layout / "policy.json").symlink_to("/dev/full")
    with pytest.raises(ImageBuildError, match="No space left on device"):
        disk.store.add(layout)
    assert disk.asked == []


@pytest.mark.parametrize(("status", "told"), [(-9, "ended by signal 9"), (0, "did not take")])
def test_an_engine_that_was_ended_did_not_take_it(
    tmp_path: Path, disk: Disk, status: int, told: str
) -> None:
    """podman 4.3.1 ends with status 0 after SIGTERM."""
    layout = tmp_path / "layout"
    layout.mkdir()
    write_handover(layout, Configuration("amd64", user="1"))
    disk.answer = programs.Completed(status, b"", b"")
    with pytest.raises(ImageBuildError, match=told):
        disk.store.add(layout)
