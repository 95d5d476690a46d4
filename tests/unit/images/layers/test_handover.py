"""The directory that is handed to an engine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from rootless_build.images.configuration import Configuration, write
from rootless_build.images.layers.handover import NewLayer, image_id, write_handover
from rootless_build.model.errors import ImageBuildError

OLD = "0" * 64


def new_layer(place: Path, content: bytes) -> NewLayer:
    tar = place / "0.tar"
    tar.write_bytes(content)
    return NewLayer(hashlib.sha256(content).hexdigest(), len(content), tar)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "directory"
    made.mkdir()
    return made


def test_old_layers_are_named_and_new_ones_are_there(directory: Path, tmp_path: Path) -> None:
    new = new_layer(tmp_path, b"content")
    configuration = Configuration("amd64", layers=(OLD, new.digest))
    identity = write_handover(directory, configuration, [new])
    assert identity == image_id(configuration)
    assert (directory / identity).read_bytes() == write(configuration)
    assert (directory / new.digest).read_bytes() == b"content"
    assert not new.tar.exists()
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["config"]["digest"] == f"sha256:{identity}"
    assert manifest["config"]["size"] == len(write(configuration))
    assert [each["digest"] for each in manifest["layers"]] == [
        f"sha256:{OLD}",
        f"sha256:{new.digest}",
    ]
    assert manifest["layers"][1]["size"] == len(b"content")
    assert {path.name for path in directory.iterdir()} == {
        identity,
        new.digest,
        "manifest.json",
        "version",
    }


def test_the_same_layer_twice_is_there_once(directory: Path, tmp_path: Path) -> None:
    first = new_layer(tmp_path, b"")
    (tmp_path / "1.tar").touch()
    layers = [first, NewLayer(first.digest, 0, tmp_path / "1.tar")]
    configuration = Configuration("amd64", layers=(first.digest, first.digest))
    write_handover(directory, configuration, layers)
    assert (directory / first.digest).read_bytes() == b""


def test_where_there_is_no_room_it_is_told(directory: Path, tmp_path: Path) -> None:
    configuration = Configuration("amd64")
    # As on a full disk, the first file that is written is refused.
    (directory / image_id(configuration)).symlink_to("/dev/full")
    with pytest.raises(ImageBuildError, match="No space left on device"):
        write_handover(directory, configuration)


def test_a_layer_of_another_image_is_a_mistake(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are none of the image's"):
        write_handover(directory, Configuration("amd64"), [new_layer(tmp_path, b"x")])
