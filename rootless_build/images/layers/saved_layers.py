"""The file system of an image whose layers are archives: of an engine that lets nobody read its
storage, but writes an image to a file.

The headers are read once; what a file holds stays in the archive. A layer says what it takes away
from those below it with names of its own (opencontainers/image-spec, layer.md).
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

from rootless_build.files.archives import BadArchiveError, reading
from rootless_build.images.layers.archives import CAPABILITY_RECORD, KINDS, time_of
from rootless_build.images.layers.contents import Spooled
from rootless_build.images.layers.destination import cleaned
from rootless_build.images.layers.nodes import FIXED_TIME, Node, copied, directory
from rootless_build.images.layers.problems import NoOverlayError

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


class SavedLayers:
    """Archives that are open, and the trees of images that they make, each read once."""

    def __init__(self) -> None:
        self._layers: dict[Path, SavedLayer] = {}
        self._trees: dict[tuple[Path, ...], Node] = {}

    def close(self) -> None:
        """No file of theirs is read any more."""
        for layer in self._layers.values():
            layer.close()
        self._layers.clear()
        self._trees.clear()

    def tree(self, layers: tuple[Path, ...], time: int) -> SavedTree:
        """The files of an image by its archives, the top one first; `time` is that of its root.

        Raises NoOverlayError, OSError.
        """
        if layers not in self._trees:
            root = directory(0o755, 0, 0, FIXED_TIME)
            for path in reversed(layers):
                self.layer(path).lay_upon(root)
            self._trees[layers] = root
        return SavedTree(self._trees[layers], time)

    def layer(self, path: Path) -> SavedLayer:
        """What an archive holds by itself. Raises NoOverlayError, OSError."""
        if path not in self._layers:
            try:
                with reading():
                    self._layers[path] = SavedLayer(path)
            except BadArchiveError as error:
                message = f"a layer that the engine wrote can't be read: {error}"
                raise NoOverlayError(message) from error
        return self._layers[path]


class SavedTree:
    """A tree to copy from (`sources.Tree`), and an image's own. What it gives is the asker's."""

    def __init__(self, root: Node, time: int) -> None:
        self._root = root
        self._time = time

    def find(self, path: str) -> Node | None:
        """What is at a path itself, be it a link; None for nothing."""
        node = _at(self._root, path)
        if node is None:
            return None
        made = _another(node)
        if not path:
            made.mtime = self._time
        return made

    def list(self, path: str) -> list[tuple[str, Node]]:
        """What is in a directory, by name."""
        node = _at(self._root, path)
        children = node.children if node is not None else None
        return [(name, _another(child)) for name, child in sorted(_there(children))]

    def close(self) -> None:
        """The archives stay open for others."""


class SavedLayer:
    """One archive. `_gone` and `_emptied` are paths of what it takes away from those below."""

    def __init__(self, path: Path) -> None:
        self._gone: list[str] = []
        self._emptied: list[str] = []
        self._entries: list[tuple[str, tarfile.TarInfo]] = []
        with ExitStack() as opened:
            self._file: IO[bytes] = opened.enter_context(path.open("rb"))
            # Another description: what tarfile reads moves its place.
            with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
                for entry in archive:
                    self._take(entry)
            opened.pop_all()

    def close(self) -> None:
        """Nothing is read from it any more."""
        self._file.close()

    def entries(self, directory: str) -> list[tuple[str, bool]]:
        """What it has in a directory, with what it takes away there, and of each whether it is a
        directory.
        """
        start = f"{directory}/" if directory else ""
        own = ((path, entry.isdir()) for path, entry in self._entries)
        found: dict[str, bool] = {}
        for path, is_directory in (*own, *((path, False) for path in self._gone)):
            name, slash, _ = path.removeprefix(start).partition("/")
            if path.startswith(start) and name:
                found[name] = found.get(name, False) or is_directory or bool(slash)
        return list(found.items())

    def _take(self, entry: tarfile.TarInfo) -> None:
        path = cleaned(entry.name).strip("/")
        above, _, name = path.rpartition("/")
        if name == _OPAQUE:
            self._emptied.append(above)
        elif name.startswith(_WHITEOUT):
            gone = name.removeprefix(_WHITEOUT)
            self._gone.append(f"{above}/{gone}" if above else gone)
        elif entry.issparse() or not (entry.islnk() or entry.type in KINDS):
            message = f"a layer that the engine wrote has {entry.name} in a way that is not known"
            raise NoOverlayError(message)
        else:
            self._entries.append((path, entry))

    def lay_upon(self, root: Node) -> None:
        """Change a tree to what it is with this layer upon it. Raises NoOverlayError."""
        for path in self._emptied:
            node = _at(root, path)
            if node is not None and node.children is not None:
                node.children.clear()
        for path in self._gone:
            above, _, name = path.rpartition("/")
            node = _at(root, above)
            if node is not None and node.children is not None:
                node.children.pop(name, None)
        for path, entry in self._entries:
            self._put(root, path, entry)

    def _put(self, root: Node, path: str, entry: tarfile.TarInfo) -> None:
        if not path:
            root.mode, root.uid, root.gid = stat.S_IFDIR | entry.mode & 0o7777, entry.uid, entry.gid
            return
        above, _, name = path.rpartition("/")
        children = _made(root, above).known()
        if entry.islnk():
            children[name] = self._linked(root, entry)
            return
        node, present = self._node(entry), children.get(name)
        if node.is_directory and present is not None and present.is_directory:
            node.children = present.children
        children[name] = node

    def _linked(self, root: Node, entry: tarfile.TarInfo) -> Node:
        target = _at(root, cleaned(entry.linkname).strip("/"))
        if target is None or target.is_directory:
            message = f"a layer has {entry.name} as a link to {entry.linkname}, which is no file"
            raise NoOverlayError(message)
        target.inode = target.inode or (-1, id(target))
        return target

    def _node(self, entry: tarfile.TarInfo) -> Node:
        kind = KINDS[entry.type]
        node = Node(kind | entry.mode & 0o7777, entry.uid, entry.gid, time_of(entry))
        if kind == stat.S_IFLNK:
            node.link = entry.linkname
        elif kind in {stat.S_IFCHR, stat.S_IFBLK}:
            node.rdev = os.makedev(entry.devmajor, entry.devminor)
        elif kind == stat.S_IFREG:
            said = entry.pax_headers.get(CAPABILITY_RECORD, "").encode(errors="surrogateescape")
            node.content = Spooled(self._file.fileno(), entry.offset_data, entry.size, said)
        return node


def _at(root: Node, path: str) -> Node | None:
    node: Node | None = root
    for name in filter(None, path.split("/")):
        if node is None or node.children is None:
            return None
        node = node.children.get(name)
    return node


def _made(root: Node, path: str) -> Node:
    """The directory at a path; what a layer does not have on the way is made up."""
    here = root
    for name in filter(None, path.split("/")):
        below = here.known().get(name)
        if below is None or not below.is_directory:
            below = here.known()[name] = directory(0o755, 0, 0, FIXED_TIME)
        here = below
    return here


def _there(children: dict[str, Node | None] | None) -> Iterator[tuple[str, Node]]:
    for name, node in (children or {}).items():
        if node is not None:
            yield name, node


def _another(node: Node) -> Node:
    made = copied(node)
    made.inode = node.inode
    return made
