"""Images in one file: `--output type=oci` and `type=docker,dest=…`, as BuildKit 0.26 writes them.

An OCI layout: what is in it by digests, and index.json, which has the names. That of an image of
several platforms leads to one more index. docker's own kind has docker's media types, and
manifest.json beside them, which `docker load` reads; it is of one platform.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.model import platforms, references
from rootless_build.model.structs import replace

_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_NAME: Final = "io.containerd.image.name"
_REF: Final = "org.opencontainers.image.ref.name"
_CREATED: Final = "org.opencontainers.image.created"
_SECOND: Final = len("2000-01-01T00:00:00")
_LONG_AGO: Final = "1970-01-01T00:00:00Z"
_DIGEST: Final = "sha256:"
_BLOBS: Final = "blobs/sha256"
_INDEX_FILE, _DOCKERS_FILE, _LAYOUT_FILE = "index.json", "manifest.json", "oci-layout"
_LAYOUT: Final = b'{"imageLayoutVersion":"1.0.0"}'
_MODES: Final = {_INDEX_FILE: 0o644, _DOCKERS_FILE: 0o644}
_BLOB_MODE, _DIRECTORY_MODE = 0o444, 0o755
_GZIP: Final = b"\x1f\x8b"
_OFFICIAL: Final = (f"{references.HUB}/library/", f"{references.HUB}/")


class Kind(Struct, frozen=True):
    """The media types of an image."""

    manifest: str
    configuration: str
    layer: str


OCI: Final = Kind(
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
)
DOCKER: Final = Kind(
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)


class _Descriptor(Struct, frozen=True, omit_defaults=True, rename="camel"):
    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = {}
    platform: Mapping[str, str] = {}


class _Manifest(Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str
    config: _Descriptor
    layers: tuple[_Descriptor, ...] = ()


class _Index(Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str
    manifests: tuple[_Descriptor, ...]


class _Configuration(Struct, frozen=True):
    """What of an image's configuration is told in an index."""

    os: str
    architecture: str
    variant: str = ""
    created: str | None = None


class _Image(Struct, frozen=True):
    """An image whose blobs are in the layout."""

    descriptor: _Descriptor
    manifest: _Manifest
    created: str


def write(
    saved: Sequence[Path], names: Sequence[str], kind: Kind, place: Path, archive: Path
) -> None:
    """Write an image, of which there is one of each platform, to a file.

    `saved` are directories that `backend.ImageSaver` filled; `place` is an empty one on the file
    system of the archive. Raises OSError.
    """
    layout(saved, names, kind, place)
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        for path in sorted(place.rglob("*")):
            _add(made, path, path.relative_to(place).as_posix())


def layout(saved: Sequence[Path], names: Sequence[str], kind: Kind, place: Path) -> None:
    """Write it as the directory that `write` makes an archive of. Raises OSError."""
    (place / _BLOBS).mkdir(parents=True)
    images = [_taken(each, kind, place) for each in saved]
    whole = images[0].descriptor if len(images) == 1 else _together(images, place)
    index = _Index(2, _INDEX, tuple(_named(whole, names, images[0].created)))
    (place / _INDEX_FILE).write_bytes(msgspec.json.encode(index))
    (place / _LAYOUT_FILE).write_bytes(_LAYOUT)
    if kind == DOCKER:
        (place / _DOCKERS_FILE).write_bytes(_for_load(images[0].manifest, names))


def _taken(saved: Path, kind: Kind, place: Path) -> _Image:
    """Put the blobs of an image into the layout."""
    given = msgspec.json.decode((saved / "manifest.json").read_bytes(), type=_Manifest)
    blob = (saved / _hex(given.config.digest)).read_bytes()
    told = msgspec.json.decode(blob, type=_Configuration)
    layers = tuple(_layer(saved / _hex(each.digest), kind, place) for each in given.layers)
    manifest = _Manifest(2, kind.manifest, _put(blob, kind.configuration, place), layers)
    descriptor = _put(_indented(manifest), kind.manifest, place)
    created = f"{told.created[:_SECOND]}Z" if told.created else _LONG_AGO
    return _Image(replace(descriptor, platform=_platform(told)), manifest, created)


def _platform(told: _Configuration) -> dict[str, str]:
    own = "/".join(filter(None, (told.os, told.architecture, told.variant)))
    platform = platforms.parse(own)
    fields = {"architecture": platform.architecture, "os": platform.system}
    return {**fields, "variant": platform.variant} if platform.variant else fields


def _together(images: Sequence[_Image], place: Path) -> _Descriptor:
    index = _Index(2, _INDEX, tuple(image.descriptor for image in images))
    return _put(_indented(index), _INDEX, place)


def _named(whole: _Descriptor, names: Sequence[str], created: str) -> Iterator[_Descriptor]:
    """The image once for each name, or without one."""
    if not names:
        yield replace(whole, annotations={_CREATED: created})
    for name in map(references.canonical, names):
        ref = name.rpartition(":")[2]
        yield replace(whole, annotations={_NAME: name, _CREATED: created, _REF: ref})


def _for_load(manifest: _Manifest, names: Sequence[str]) -> bytes:
    told = {
        "Config": _blob_name(manifest.config),
        "RepoTags": list(map(_short, names)) or None,
        "Layers": list(map(_blob_name, manifest.layers)),
    }
    return msgspec.json.encode([told])


def _short(name: str) -> str:
    """A name as people write it."""
    full = references.canonical(name)
    return next((full.removeprefix(each) for each in _OFFICIAL if full.startswith(each)), full)


def _layer(saved: Path, kind: Kind, place: Path) -> _Descriptor:
    """A layer, compressed; the same bytes for the same layer."""
    unfinished = place / "unfinished"
    with saved.open("rb") as layer, unfinished.open("wb") as made:
        compressed = layer.read(len(_GZIP)) == _GZIP
        layer.seek(0)
        if compressed:
            shutil.copyfileobj(layer, made)
        else:
            with gzip.GzipFile("", "wb", fileobj=made, mtime=0) as packed:
                shutil.copyfileobj(layer, packed)
    digest, size = _digest_of(unfinished), unfinished.stat().st_size
    unfinished.replace(place / _BLOBS / digest)
    return _Descriptor(kind.layer, f"{_DIGEST}{digest}", size)


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _put(blob: bytes, media_type: str, place: Path) -> _Descriptor:
    digest = hashlib.sha256(blob).hexdigest()
    (place / _BLOBS / digest).write_bytes(blob)
    return _Descriptor(media_type, f"{_DIGEST}{digest}", len(blob))


def _indented(data: _Manifest | _Index) -> bytes:
    return json.dumps(msgspec.to_builtins(data), indent=2).encode()


def _blob_name(descriptor: _Descriptor) -> str:
    return f"{_BLOBS}/{_hex(descriptor.digest)}"


def _hex(digest: str) -> str:
    return digest.removeprefix(_DIGEST)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Add a file as BuildKit's exporter does: root's, of no time."""
    member = archive.gettarinfo(path, name)
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    if path.is_dir():
        member.mode = _DIRECTORY_MODE
        archive.addfile(member)
        return
    member.mode = _MODES.get(name, _BLOB_MODE)
    with path.open("rb") as opened:
        archive.addfile(member, opened)
