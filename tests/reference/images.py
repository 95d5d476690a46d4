"""An image as data: the tree of its files and its configuration, read from an archive of it.

Read are what `docker buildx build --output type=oci` writes, and what `podman save` and
`buildah push` write as docker-archive. Owners are those in the image, whoever reads it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

Row: TypeAlias = dict[str, object]
"""One entry of a tree: `type`, `mode` in octal, `owner`, `mtime` in seconds, and what its type
has: `content` or `sha256` and `size`, `target`, `device`, `xattrs`. Another name of an entry before
it has `same` alone.
"""
Tree: TypeAlias = dict[str, Row]
Configuration: TypeAlias = dict[str, object]

_KEYS: Final = (
    *("Env", "User", "WorkingDir", "Cmd", "Entrypoint", "Volumes", "Labels", "Shell", "OnBuild"),
    *("Healthcheck", "ExposedPorts", "StopSignal"),
)
_OWN_LABELS: Final = ("io.buildah.", "io.rbuild.")
_TYPES: Final = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
}
_XATTR: Final = "SCHILY.xattr."
_SHOWN: Final = 400
"""Bytes of a file that a recording shows; of a longer one it has the digest."""


@dataclass
class _Node:
    """A file; names that are hard links share one."""

    row: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    """What an image holds."""

    tree: Tree
    configuration: Configuration
    layers: tuple[str, ...]


def read_image(file: Path) -> Image:
    """The image in an archive. Raises OSError, KeyError and tarfile.TarError."""
    with tarfile.open(file) as archive:
        config, layers = _parts(archive)
        nodes: dict[str, _Node] = {}
        for layer in layers:
            _apply(nodes, layer)
    said = cast("dict[str, Any]", config.get("config") or {})
    digests = cast("dict[str, list[str] | None]", config["rootfs"]).get("diff_ids")
    return Image(_rows(nodes), configuration_of(said), tuple(digests or ()))


def is_made_of(image: Image, base: Image) -> bool:
    """Whether all layers of the base are the first of the image."""
    return image.layers[: len(base.layers)] == base.layers


def _parts(archive: tarfile.TarFile) -> tuple[dict[str, object], Iterator[bytes]]:
    names = archive.getnames()
    if "manifest.json" in names:
        (manifest,) = json.loads(_read(archive, "manifest.json"))
        return json.loads(_read(archive, manifest["Config"])), (
            _read(archive, name) for name in manifest["Layers"] or ()
        )
    (index,) = json.loads(_read(archive, "index.json"))["manifests"]
    manifest = json.loads(_read(archive, _blob(index)))
    return json.loads(_read(archive, _blob(manifest["config"]))), (
        _read(archive, _blob(layer)) for layer in manifest["layers"] or ()
    )


def _blob(descriptor: Mapping[str, str]) -> str:
    return "blobs/" + descriptor["digest"].replace(":", "/")


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.getmember(name)
    # podman names a layer that it has written already by a link.
    while member.issym():
        member = archive.getmember(str(Path(member.name).parent / member.linkname))
    stream = archive.extractfile(member)
    if stream is None:
        raise KeyError(name)
    return stream.read()


def _apply(nodes: dict[str, _Node], layer: bytes) -> None:
    if layer.startswith(b"\x1f\x8b"):
        layer = gzip.decompress(layer)
    with tarfile.open(fileobj=io.BytesIO(layer), errors="surrogateescape") as tar:
        members = tar.getmembers()
        for name in map(_name, members):
            parent, _, last = name.rpartition("/")
            if last == ".wh..wh..opq":
                _remove(nodes, parent, itself=False)
            elif last.startswith(".wh."):
                _remove(nodes, f"{parent}/{last[4:]}".lstrip("/"), itself=True)
        for member in members:
            name = _name(member)
            if name and not name.rpartition("/")[2].startswith(".wh."):
                _add(nodes, name, member, tar)


def _add(nodes: dict[str, _Node], name: str, member: tarfile.TarInfo, tar: tarfile.TarFile) -> None:
    if not member.isdir():
        _remove(nodes, name, itself=True)
    if member.islnk():
        nodes[name] = nodes[_clean(member.linkname)]
    else:
        nodes[name] = _Node(_row(member, tar))


def _remove(nodes: dict[str, _Node], name: str, *, itself: bool) -> None:
    below = f"{name}/" if name else ""
    for each in [each for each in nodes if each.startswith(below) or (itself and each == name)]:
        del nodes[each]


def _name(member: tarfile.TarInfo) -> str:
    return _clean(member.name)


def _clean(name: str) -> str:
    return "" if name in {".", "./"} else name.removeprefix("./").strip("/")


def _row(member: tarfile.TarInfo, tar: tarfile.TarFile) -> Row:
    row: Row = {"type": _TYPES.get(member.type, "file")}
    if not member.issym():
        row["mode"] = f"{member.mode & 0o7777:o}"
    row["owner"] = f"{member.uid}:{member.gid}"
    row["mtime"] = int(member.mtime)
    if member.issym():
        row["target"] = member.linkname
    elif row["type"] == "file":
        row |= _content(member, tar)
    elif row["type"] in {"char", "block"}:
        row["device"] = f"{member.devmajor}:{member.devminor}"
    xattrs = {
        name.removeprefix(_XATTR): value
        for name, value in sorted(member.pax_headers.items())
        # Those of an overlay are the storage's own.
        if name.startswith(_XATTR) and not name.startswith(f"{_XATTR}user.overlay.")
    }
    return {**row, "xattrs": xattrs} if xattrs else row


def _content(member: tarfile.TarInfo, tar: tarfile.TarFile) -> Row:
    stream = tar.extractfile(member)
    content = b"" if stream is None else stream.read()
    if len(content) <= _SHOWN:
        try:
            return {"content": content.decode()}
        except UnicodeDecodeError:
            pass
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _rows(nodes: Mapping[str, _Node]) -> Tree:
    rows: Tree = {}
    first: dict[int, str] = {}
    for name in sorted(nodes):
        node = nodes[name]
        before = first.setdefault(id(node), name)
        rows[name] = node.row if before == name else {"same": before}
    return rows


def configuration_of(said: Mapping[str, Any]) -> Configuration:
    """What it says, without what stands for nothing: "" is /, and an empty list is none."""
    found = {key: said[key] for key in _KEYS if said.get(key)}
    if labels := found.get("Labels"):
        found["Labels"] = {
            name: labels[name] for name in sorted(labels) if not name.startswith(_OWN_LABELS)
        }
    found["Env"] = sorted(found.get("Env", ()))
    found.setdefault("WorkingDir", "/")
    return {key: found[key] for key in _KEYS if found.get(key)}
