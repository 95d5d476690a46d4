"""Images that an engine writes to files: what is kept of them, and what is given back."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from rbuild_containers.saved_images import SavedImages
from rootless_build.backend.api import Image
from rootless_build.images.configuration import Configuration, write
from rootless_build.images.layers.handover import NewLayer, image_id, write_handover
from rootless_build.model.errors import ImageBuildError, StepFailedError
from rootless_build.process import programs


def layer_of(name: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return made.getvalue()


LOW, HIGH = layer_of("low"), layer_of("high")
DIGESTS = tuple(hashlib.sha256(layer).hexdigest() for layer in (LOW, HIGH))
CONFIGURATION = Configuration("amd64", layers=DIGESTS[:1])
IMAGE = Image(image_id(CONFIGURATION))


class Daemon:
    """Has one image of one layer; `given` are the layers of what it is given."""

    def __init__(self, place: Path) -> None:
        self.configuration = write(CONFIGURATION)
        self.layer = LOW
        self.layers: list[str] | None = ["l.tar"]
        self.saved = 0
        self.there = {IMAGE.id}
        self.given: list[list[str]] = []
        self.takes = True
        self.chains: list[tuple[str, ...]] | None = [DIGESTS[:1]]
        self.place = place

    @property
    def store(self) -> SavedImages:
        chains = None if self.chains is None else (lambda: self.chains or ())
        return SavedImages(self.place, self.save, self.load, self.find, chains)

    def find(self, identity: str) -> Image | None:
        return Image(identity) if identity in self.there else None

    def save(self, _: str, file: Path) -> programs.Completed:
        self.saved += 1
        manifest = json.dumps([{"Config": "c.json", "Layers": self.layers}]).encode()
        with tarfile.open(file, "w") as archive:
            for name, data in (
                ("c.json", self.configuration),
                ("l.tar", self.layer),
                ("manifest.json", manifest),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        return programs.Completed(0, b"", b"")

    def load(self, layout: Path) -> programs.Completed:
        self.given.append(sorted(each.name for each in layout.iterdir() if each.name in DIGESTS))
        if self.takes:
            manifest = json.loads((layout / "manifest.json").read_text())
            self.there.add(manifest["config"]["digest"].removeprefix("sha256:"))
        return programs.Completed(0 if self.takes else 1, b"", b"no room")


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    (tmp_path / "kept").mkdir()
    return Daemon(tmp_path / "kept")


def handed(tmp_path: Path, name: str, *digests: str, new: bytes = b"") -> Path:
    layout = tmp_path / name
    layout.mkdir()
    layers = []
    if new:
        tar = tmp_path / f"{name}.tar"
        tar.write_bytes(new)
        layers = [NewLayer(hashlib.sha256(new).hexdigest(), len(new), tar)]
    write_handover(layout, Configuration("amd64", layers=digests), layers)
    return layout


def test_an_image_is_written_once(daemon: Daemon) -> None:
    store = daemon.store
    content = store.content(IMAGE)
    assert content is not None
    assert content == store.content(IMAGE)
    assert daemon.saved == 1
    assert content.configuration == daemon.configuration
    assert [layer.read_bytes() for layer in content.layers] == [LOW]


@pytest.mark.parametrize(
    "root", [b'{"type":"layers","diff_ids":null}', b'{"type":"layers"}', b"null"]
)
def test_an_image_without_layers(daemon: Daemon, root: bytes) -> None:
    daemon.configuration, daemon.layers = b'{"rootfs":%b}' % root, None
    identity = hashlib.sha256(daemon.configuration).hexdigest()
    daemon.there.add(identity)
    content = daemon.store.content(Image(identity))
    assert content is not None
    assert content.layers == ()


def test_one_that_is_not_there_is_not_asked_for(daemon: Daemon) -> None:
    assert daemon.store.content(Image("0" * 64)) is None
    assert daemon.saved == 0


def test_a_configuration_or_a_layer_that_is_not_the_images_own_is_not_taken(daemon: Daemon) -> None:
    daemon.layer = gzip.compress(LOW)
    assert daemon.store.content(IMAGE) is None
    daemon.layer, daemon.configuration = LOW, b"{}"
    assert daemon.store.content(IMAGE) is None


def test_a_file_that_is_broken_is_an_error(daemon: Daemon) -> None:
    daemon.configuration = b"[" * 9
    daemon.there.add(hashlib.sha256(daemon.configuration).hexdigest())
    with pytest.raises(StepFailedError, match="can't be read"):
        daemon.store.content(Image(hashlib.sha256(daemon.configuration).hexdigest()))


def test_of_what_was_handed_over_nothing_is_written(daemon: Daemon, tmp_path: Path) -> None:
    store = daemon.store
    store.content(IMAGE)
    image = store.add(handed(tmp_path, "one", *DIGESTS, new=HIGH))
    content = store.content(image)
    assert content is not None
    assert [layer.read_bytes() for layer in content.layers] == [HIGH, LOW]
    assert (daemon.saved, daemon.given) == (1, [[DIGESTS[1]]])
    store.add(handed(tmp_path, "again", *DIGESTS, new=HIGH))
    assert len(daemon.given) == 1


@pytest.mark.parametrize("by_chain", [True, False])
def test_a_layer_upon_another_is_given_again_where_it_has_to_be(
    daemon: Daemon, tmp_path: Path, by_chain: bool
) -> None:
    if not by_chain:
        daemon.chains = None
    store = daemon.store
    store.content(IMAGE)
    store.add(handed(tmp_path, "one", *DIGESTS, new=HIGH))
    assert store.has_layers(DIGESTS) == by_chain
    store.add(handed(tmp_path, "other", DIGESTS[1], DIGESTS[0]))
    assert daemon.given[1] == (sorted(DIGESTS) if by_chain else [])


def test_an_engine_that_does_not_take_it_is_quoted(daemon: Daemon, tmp_path: Path) -> None:
    daemon.takes = False
    with pytest.raises(ImageBuildError) as caught:
        daemon.store.add(handed(tmp_path, "one", *DIGESTS, new=HIGH))
    assert caught.value.engine_words == "no room"
