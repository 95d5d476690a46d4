"""What a layer has that another one has not: the layer of a COPY against the same COPY before.

Laid over the earlier layer it comes to what the later one would be in its place. What can't be said
for certain is not said at all: then the layer is made as a whole.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from rootless_build.images.layers.contents import HostFile, InMemory
from rootless_build.images.layers.file_index import DamagedError, Entry, entries_of, read
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.nodes import LONGEST_NAME, Node
from rootless_build.images.layers.problems import UncertainError
from rootless_build.images.layers.request import Since

_WHITEOUT: Final = ".wh."

Changes = list[tuple[str, Node]]


def changes_since(image: ImageTree, below: ImageTree, since: Since) -> Changes:
    """The entries that make the earlier layer the one that `image` has now, in their order, with
    whiteouts, and with every directory on the way. `below` is what the layer comes upon, which may
    be the same tree, where nothing takes the place of a directory.

    Raises UncertainError, OSError.
    """
    try:
        delta = _Delta(image, below, since)
        delta.compare()
    except DamagedError as error:
        raise UncertainError("the index of the full image's files is damaged") from error
    return delta.entries()


class _Delta:
    def __init__(self, image: ImageTree, below: ImageTree, since: Since) -> None:
        self._image = image
        self._below = below
        self._since = since
        self._changed = frozenset(since.changed)
        self._new: dict[str, Node] = {}
        self._gone: list[str] = []
        self._names = self._bytes = self._new_bytes = 0

    def compare(self) -> None:
        """Find what is new, other or gone."""
        earlier = read(self._since.index)
        old = next(earlier, None)
        for entry, path, node in entries_of(self._image.changes):
            _check_content(path, node)
            self._names += 1
            self._bytes += entry.size
            key = _order(path)
            while old is not None and (name := os.fsdecode(old.path)) != path:
                if _order(name) > key:
                    break
                self._gone.append(name)
                old = next(earlier, None)
            if old is not None and old.path == entry.path:
                if old != entry or self._is_changed(node):
                    self._put(path, node, old)
                old = next(earlier, None)
            else:
                self._put(path, node, None)
        while old is not None:
            self._gone.append(os.fsdecode(old.path))
            old = next(earlier, None)

    def _is_changed(self, node: Node) -> bool:
        """Whether other bytes are in a file of which all else is the same."""
        content = node.content
        return (
            bool(self._changed) and isinstance(content, HostFile) and content.path in self._changed
        )

    def _put(self, path: str, node: Node, old: Entry | None) -> None:
        if _is_mark(path):
            raise UncertainError(f"{path} is what a layer takes something away by")
        becomes = old is not None and node.is_directory and not stat.S_ISDIR(old.mode)
        if becomes and self._below is not self._image and self._below.find(path) is not None:
            raise UncertainError(f"{path} becomes a directory over what the image below has")
        self._new[path] = node
        self._new_bytes += 0 if node.content is None else node.content.size

    def entries(self) -> Changes:
        """What the layer has."""
        removed = dict(self._whiteouts())
        share = self._since.share
        if len(self._new) + len(removed) > share * self._names:
            raise UncertainError(f"more than {share:.0%} of the files changed")
        if self._new_bytes > share * self._bytes:
            raise UncertainError(f"more than {share:.0%} of the bytes changed")
        found = {**self._new, **removed}
        for path in tuple(found):
            self._add_parents(path, found)
        return sorted(found.items(), key=lambda pair: _order(pair[0]))

    def _whiteouts(self) -> Iterator[tuple[str, Node]]:
        """An entry for each name that is gone, but where it goes with a directory."""
        last = ""
        for path in self._gone:
            if last and path.startswith(last):
                continue
            above, _, name = path.rpartition("/")
            parent = self._image.find(above)
            if parent is None or not parent.is_directory:
                if above not in self._new:
                    raise UncertainError(f"{above} is another file, and not in the layer")
                last = f"{above}/"
                continue
            if _is_mark(path) or len(os.fsencode(_WHITEOUT + name)) > LONGEST_NAME:
                raise UncertainError(f"{path} can't be taken away by a layer")
            if self._below.find(path) is not None:
                raise UncertainError(f"{path} is gone, and the image below has it too")
            last = f"{path}/"
            yield f"{above}/{_WHITEOUT}{name}".lstrip("/"), Node(stat.S_IFREG)

    def _add_parents(self, path: str, found: dict[str, Node]) -> None:
        """Else an overlay would give them the attributes that it makes up."""
        above = path.rpartition("/")[0]
        while above and above not in found:
            node = self._image.find(above)
            if node is None or not node.is_directory:
                raise UncertainError(f"{above} is no directory")
            found[above] = node
            above = above.rpartition("/")[0]


def _order(path: str) -> str:
    """What a path is sorted by: a directory, what is in it, the next name."""
    return path.replace("/", "\0")


def _is_mark(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_WHITEOUT)


def _check_content(path: str, node: Node) -> None:
    """Raise UncertainError for bytes of which nobody knows whether they are others."""
    if not (node.content is None or isinstance(node.content, HostFile | InMemory)):
        raise UncertainError(f"{path} comes out of an archive")
