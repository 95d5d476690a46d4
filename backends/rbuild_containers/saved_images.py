"""Images of an engine whose storage nobody can read from here: a daemon's, or another host's.

It writes an image to a file, layer by layer, and takes one from a file that lacks the layers which
it has. What it wrote is kept while rbuild runs: each layer is an archive, called by its digest.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final, cast

from rootless_build.backend import (
    Image,
    ImageBuildError,
    ImageContent,
    Json,
    StepFailedError,
    archives,
    programs,
    reason,
)

_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGURATION: Final = "application/vnd.docker.container.image.v1+json"
_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar"
_TAR: Final = b"ustar"
_AT: Final = 257
"""Where an archive says that it is one; a compressed one does not."""


class SavedImages:
    """See `rootless_build.backend.api.ImageStore`. `place` is a directory of its own.

    `save` has the engine write an image, by its id, to a file; `load` has it take one from a
    directory as `ImageStore.add` has it. `chains` gives the layers of all images, for an engine
    that knows a layer only upon the ones below it; None for one that finds it wherever it is.
    """

    archives = True
    layout_transport = ""
    mount_program = ""

    def __init__(
        self,
        place: Path,
        save: Callable[[str, Path], programs.Completed],
        load: Callable[[Path], programs.Completed],
        find: Callable[[str], Image | None],
        chains: Callable[[], Sequence[Sequence[str]]] | None,
    ) -> None:
        self._place = place
        self._save = save
        self._load = load
        self._find = find
        self._chains = chains
        self._known: dict[str, ImageContent] = {}
        self._prefixes: set[tuple[str, ...]] | None = None

    def content(self, image: Image) -> ImageContent | None:
        """What an image is made of; the engine writes it, once.

        None for one that is not there, or is written in another way than is known.
        """
        if image.id not in self._known:
            if self._find(image.id) is None:
                return None
            try:
                found = self._saved(image.id)
            except (archives.BadArchiveError, OSError) as error:
                message = f"the image {image.id[:12]} that the engine wrote can't be read"
                raise StepFailedError(f"{message}: {reason(error)}") from error
            if found is None:
                return None
            self._known[image.id] = found
        return self._known[image.id]

    def save(self, image: Image, place: Path) -> Path:
        """See `rootless_build.backend.api.ImageSaver`."""
        found = self.content(image)
        if found is None:
            message = f"the image {image.id[:12]} is not there, or can't be read"
            raise StepFailedError(message)
        (place / image.id).write_bytes(found.configuration)
        for layer in found.layers:
            shutil.copyfile(layer, place / layer.name)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described(_CONFIGURATION, place / image.id),
            "layers": [_described(_LAYER, place / each.name) for each in reversed(found.layers)],
        }
        (place / "manifest.json").write_text(json.dumps(manifest))
        return place

    def has_layers(self, digests: Sequence[str]) -> bool:
        """Whether an image has these layers, the lowest first."""
        if self._prefixes is None and self._chains is not None:
            self._prefixes = {
                tuple(chain[:end]) for chain in self._chains() for end in range(1, len(chain) + 1)
            }
        return tuple(digests) in (self._prefixes or ())

    def add(self, layout: Path) -> Image:
        """Take an image; one that is there already is not given again."""
        try:
            return self._add(layout)
        except OSError as error:
            message = f"an image in {layout} can't be handed over: {reason(error)}"
            raise ImageBuildError(message) from error

    def _add(self, layout: Path) -> Image:
        manifest = json.loads((layout / "manifest.json").read_bytes())
        identity = _hex(manifest["config"]["digest"])
        digests = [_hex(layer["digest"]) for layer in manifest["layers"]]
        blob = (layout / identity).read_bytes()
        image = self._find(identity)
        if image is None:
            self._complete(layout, digests)
            done = self._load(layout)
            image = self._find(identity) if done.status == 0 else None
            if image is None:
                message = "the engine did not take an image that rbuild made"
                raise ImageBuildError(message, engine_words=done.words)
        for digest in digests:
            if (layout / digest).exists() and not self._layer(digest).exists():
                self._new(layout / digest, self._layer(digest))
        if all(self._layer(digest).exists() for digest in digests):
            self._known[identity] = self._content(blob, digests)
        if self._prefixes is not None:
            self._prefixes |= {tuple(digests[:end]) for end in range(1, len(digests) + 1)}
        return image

    def _complete(self, layout: Path, digests: Sequence[str]) -> None:
        """Put layers that the engine has upon others only, as far as they are here."""
        for end, digest in enumerate(digests if self._chains else (), 1):
            own, given = self._layer(digest), layout / digest
            if own.exists() and not given.exists() and not self.has_layers(digests[:end]):
                shutil.copyfile(own, given)

    def _new(self, archive: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        shutil.move(archive, target)

    def _saved(self, identity: str) -> ImageContent | None:
        # Stages are built side by side: each asks for itself.
        with tempfile.TemporaryDirectory(dir=self._place) as place:
            file = Path(place) / "saved"
            done = self._save(identity, file)
            if done.status != 0:
                message = f"the engine could not write the image {identity[:12]} to a file"
                raise StepFailedError(message, engine_words=done.words)
            with archives.reading(), tarfile.open(file, "r:") as saved:
                return self._unpacked(identity, saved)

    def _unpacked(self, identity: str, saved: tarfile.TarFile) -> ImageContent | None:
        (described,) = cast("list[dict[str, Json]]", json.load(_member(saved, "manifest.json")))
        blob = _member(saved, str(described["Config"])).read()
        if hashlib.sha256(blob).hexdigest() != identity:
            return None
        root = cast("dict[str, dict[str, Json]]", json.loads(blob)).get("rootfs") or {}
        # Of an image without layers docker writes null.
        digests = [_hex(str(each)) for each in cast("list[str]", root.get("diff_ids") or ())]
        names = cast("list[str]", described["Layers"] or ())
        for digest, name in zip(digests, names, strict=True):
            target = self._layer(digest)
            if not target.exists() and not _unpack(_member(saved, name), target):
                return None
        return self._content(blob, digests)

    def _content(self, blob: bytes, digests: Sequence[str]) -> ImageContent:
        return ImageContent(blob, tuple(self._layer(digest) for digest in reversed(digests)))

    def _layer(self, digest: str) -> Path:
        return self._place / "layers" / digest


def _described(media_type: str, file: Path) -> dict[str, Json]:
    digest, size = f"sha256:{file.name}", file.stat().st_size
    return {"mediaType": media_type, "digest": digest, "size": size}


def _member(saved: tarfile.TarFile, name: str) -> IO[bytes]:
    found = saved.extractfile(name)
    if found is None:
        raise archives.BadArchiveError(f"{name} is no file in it")
    return found


def _unpack(layer: IO[bytes], target: Path) -> bool:
    """Write an archive down; False for what is none, or compressed."""
    start = layer.read(_AT + len(_TAR))
    # One without an entry is nothing but zeroes.
    if not start.endswith(_TAR) and any(start):
        return False
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as place:
        new = Path(place) / target.name
        with new.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(layer, file, 1024 * 1024)
        new.rename(target)
    return True


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
