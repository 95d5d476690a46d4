"""Layers as a test sees them: made in this process, and laid over each other."""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypedDict, Unpack

from msgspec import Struct

from rootless_build.images.layers.image_layers import ImageLayers
from rootless_build.images.layers.maker import answer
from rootless_build.images.layers.request import (
    Answer,
    Copying,
    Directory,
    Layer,
    LayersRequest,
    Made,
    MountPoints,
    Operation,
)


class Entry(Struct, frozen=True):
    """What a name of a tree stands for; `first` is the first name of a file that has several."""

    kind: str
    mode: int
    uid: int
    gid: int
    mtime: int
    content: bytes = b""
    link: str = ""
    first: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()


Tree = dict[str, Entry]
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
}


def answered(
    output: Path,
    operations: Sequence[Operation | MountPoints],
    base: tuple[Path, ...] = (),
    epoch: int | None = None,
) -> Answer:
    """What the maker says; the tars are in `output`."""
    output.mkdir(exist_ok=True)
    opened = ImageLayers()
    try:
        return answer(LayersRequest(base, tuple(operations), output, epoch), opened)
    finally:
        opened.close()


def layers(
    output: Path,
    operations: Sequence[Operation | MountPoints],
    base: tuple[Path, ...] = (),
    epoch: int | None = None,
) -> tuple[Layer, ...]:
    """The layers; each is what its digest and its size say."""
    made = answered(output, operations, base, epoch)
    assert isinstance(made, Made), made
    for number, layer in enumerate(made.layers):
        data = (output / f"{number}.tar").read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (layer.digest, layer.size)
    return made.layers


def tree(
    output: Path,
    operations: Sequence[Operation | MountPoints],
    base: tuple[Path, ...] = (),
    epoch: int | None = None,
) -> Tree:
    """What the layers hold, the later ones laid over the earlier."""
    made: Tree = {}
    for number in range(len(layers(output, operations, base, epoch))):
        lay_over(made, read(output / f"{number}.tar"))
    return made


def lay_over(below: Tree, above: Tree) -> None:
    """As an overlay does it: directories become one, anything else hides what is below."""
    for path, entry in above.items():
        if entry.kind != "directory":
            for hidden in [one for one in below if one.startswith(f"{path}/")]:
                del below[hidden]
        below[path] = entry


def read(archive: Path) -> Tree:
    """The entries of a tar."""
    found: Tree = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = posixpath.normpath(member.name)
            assert path not in found, f"{path} is in the layer twice"
            if member.islnk():
                found[path] = found[member.linkname]
                continue
            file = tar.extractfile(member) if member.isreg() else None
            found[path] = Entry(
                _KINDS[member.type],
                member.mode,
                member.uid,
                member.gid,
                int(Decimal(member.pax_headers.get("mtime", member.mtime)) * 10**9),
                file.read() if file is not None else b"",
                member.linkname,
                path if file is not None else "",
                (member.devmajor, member.devminor),
                _xattrs(member),
            )
    return found


def _xattrs(member: tarfile.TarInfo) -> tuple[tuple[str, bytes], ...]:
    start = "SCHILY.xattr."
    return tuple(
        (key.removeprefix(start), value.encode(errors="surrogateescape"))
        for key, value in sorted(member.pax_headers.items())
        if key.startswith(start)
    )


class Flags(TypedDict, total=False):
    """The flags of a COPY or an ADD, by the names of their fields."""

    add: bool
    unpack: bool
    link: bool
    parents: bool
    exclude: tuple[str, ...]
    chown: str
    chmod: str


def copying(context: Path, *words: str, **flags: Unpack[Flags]) -> Copying:
    """A COPY of sources from a directory; the last word is the destination."""
    *sources, destination = words
    return Copying(tuple(Directory(context, source) for source in sources), destination, **flags)


def paths(found: Tree) -> list[str]:
    """What is in a tree, directories with a slash."""
    return sorted(
        f"{path}/" if entry.kind == "directory" else path for path, entry in found.items()
    )
