"""One layer that makes the files of one image of those of another: what `--squash` wants.

What is the same in both is not in it. A file is the same where nothing that a layer keeps of it is
another: its bytes are read where all else is the same.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Final

from rootless_build.images.layers.contents import HostFile
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.nodes import Content, Node
from rootless_build.images.layers.sources import Tree

_WHITEOUT: Final = ".wh."

_Inode = tuple[int, int]


class Difference:
    """Changes an image to what another tree has. `before` is a tree of what it has, None for
    nothing. Raises RefusedError, OSError.
    """

    def __init__(self, image: ImageTree, before: Tree | None, after: Tree) -> None:
        self._image = image
        self._before = before
        self._after = after
        self._links: dict[_Inode, Node] = {}
        self._names: dict[_Inode, list[tuple[Node, str]]] = {}
        self._changed: set[_Inode] = set()

    def make(self) -> None:
        """Change the image."""
        pending = [("", self._image.root, self._before is not None)]
        while pending:
            path, here, was_there = pending.pop()
            had = dict(self._before.list(path)) if self._before and was_there else {}
            now = dict(self._after.list(path))
            for name in sorted(had.keys() - now.keys()):
                self._image.remove(here, name, _WHITEOUT + name)
            for name, node in now.items():
                old = had.get(name)
                below = self._make_entry(here, name, old, node)
                if below is not None:
                    place = f"{path}/{name}" if path else name
                    pending.append((place, below, old is not None and old.is_directory))
        self._put_links()

    def _make_entry(self, here: Node, name: str, old: Node | None, new: Node) -> Node | None:
        """Change one entry of a directory; a directory that has to be looked into."""
        if new.is_directory and old is not None and old.is_directory:
            return self._change_directory(here, name, old, new)
        if new.inode is not None:
            self._names.setdefault(new.inode, []).append((here, name))
            new = self._links.setdefault(new.inode, new)
        if old is None or not _is_same(old, new):
            if new.inode is not None:
                self._changed.add(new.inode)
            self._image.put(here, name, new)
        return new if new.is_directory else None

    def _change_directory(self, here: Node, name: str, old: Node, new: Node) -> Node | None:
        kept = self._image.child(here, name)
        if kept is not None and _attributes(old) != _attributes(new):
            kept.mode, kept.uid, kept.gid, kept.mtime = new.mode, new.uid, new.gid, new.mtime
            self._image.touch(kept)
        return kept

    def _put_links(self) -> None:
        """A layer has all names of a file, or none: a name alone would be a file of its own."""
        for inode in self._changed:
            for here, name in self._names[inode]:
                self._image.put(here, name, self._links[inode])


def _attributes(node: Node) -> tuple[int, int, int, int, int, str]:
    return (node.mode, node.uid, node.gid, node.mtime, node.rdev, node.link)


def _is_same(old: Node, new: Node) -> bool:
    if _attributes(old) != _attributes(new) or (old.inode is None) is not (new.inode is None):
        return False
    if old.content is None or new.content is None:
        return old.content is new.content
    return _holds_same(old.content, new.content)


def _holds_same(one: Content, other: Content) -> bool:
    if one is other or one.size != other.size:
        return one is other
    if isinstance(one, HostFile) and isinstance(other, HostFile) and one.is_same(other):
        return True
    first, second = one.open(), other.open()
    try:
        if first.capability() != second.capability():
            return False
        return all(a == b for a, b in zip_longest(first.blocks(), second.blocks()))
    finally:
        second.close()
        first.close()
