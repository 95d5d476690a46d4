"""The file system of an image as it becomes: what its layers hold, and what was changed since.

The layers are one directory of the host, which is never written to. What is changed is kept as
nodes, and the changes of one operation are what its layer has.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.images.layers.contents import HostFile
from rootless_build.images.layers.nodes import (
    FIXED_TIME,
    LONGEST_NAME,
    Node,
    directory,
    is_too_long,
    is_whiteout,
    of_status,
)
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.sources import HostTree

if TYPE_CHECKING:
    from rootless_build.images.layers.saved_layers import SavedTree

_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


class ImageTree:
    """A root file system. `base` is the directory of what it has already, or a tree of archives;
    None for nothing. `is_begun`: a layer was made of it, be it an empty one.

    Paths are relative to the root, and without links on the way.
    """

    def __init__(self, base: Path | SavedTree | None) -> None:
        self._base = base
        self._files = HostTree(base, FIXED_TIME, owned=True) if isinstance(base, Path) else None
        self.root = directory(0o755, 0, 0, FIXED_TIME)
        self.root.lower = None if base is None else ""
        self.is_begun = False
        self.operation = 0
        self.since = 0

    def begin(self, operation: int) -> None:
        """An operation begins, counted from 1; what it changes is its own."""
        self.operation = self.since = operation

    @property
    def is_empty(self) -> bool:
        """Whether it is `scratch` still."""
        return self._base is None and not self.is_begun

    def close(self) -> None:
        """No file of it is opened any more."""
        if self._files is not None:
            self._files.close()

    def find(self, path: str) -> Node | None:
        """What is at a path itself, be it a link; None for nothing. Raises OSError."""
        node: Node | None = self.root
        for name in filter(None, path.split("/")):
            if node is None or node.children is None:
                return None
            node = self.child(node, name)
        return node

    def child(self, parent: Node, name: str) -> Node | None:
        """What a directory has of that name. Raises OSError."""
        children = parent.known()
        if name in children:
            return children[name]
        if parent.lower is None or self._base is None:
            return None
        node = children[name] = self._from_base(f"{parent.lower}/{name}")
        return node

    def _from_base(self, path: str) -> Node | None:
        if self._base is not None and not isinstance(self._base, Path):
            node = self._base.find(path[1:])
            if node is not None and node.is_directory:
                node.lower = path
            return node
        try:
            status = os.lstat(f"{self._base}{path}")
        except OSError as error:
            if error.errno in _ABSENT or (error.errno == errno.ENAMETOOLONG and is_too_long(path)):
                return None
            raise
        if is_whiteout(status.st_mode, status.st_rdev):
            return None
        node = of_status(status)
        if node.is_directory:
            node.lower = path
        elif node.is_link:
            node.link = os.readlink(f"{self._base}{path}")  # noqa: PTH115 - to the letter
        elif node.is_file and self._files is not None:
            parent, _, name = path[1:].rpartition("/")
            node.content = HostFile.seen(self._files, parent, name, status)
        return node

    def touch(self, node: Node) -> None:
        """It, or what is known of it, belongs to the layer of this operation."""
        node.touched = self.operation

    def put(self, parent: Node, name: str, node: Node) -> None:
        """Give a directory an entry, in the place of any other. Raises RefusedError."""
        if is_too_long(name):
            raise RefusedError(f"{name[:40]}… is a name of more than {LONGEST_NAME} bytes")
        parent.known()[name] = node
        node.touched = self.operation

    def remove(self, parent: Node, name: str, mark: str) -> None:
        """Take an entry of a directory away; `mark` is the name by which the layer says so."""
        self.put(parent, mark, Node(stat.S_IFREG))
        parent.known()[name] = None

    def make_directories(self, path: str, made: Node, *, owned: bool) -> Node:
        """The directory at a path; it and its parents are made like `made` where there is nothing.
        `owned`: they get its owner and group; else the kernel's, which a setgid directory decides.

        Raises RefusedError where something else is there.
        """
        here = self.root
        done = ""
        for name in filter(None, path.split("/")):
            done = f"{done}/{name}"
            below = self.child(here, name)
            if below is None:
                set_group = here.mode & stat.S_ISGID
                gid = here.gid if set_group and not owned else made.gid
                mode = stat.S_IMODE(made.mode) | set_group
                below = directory(mode, made.uid, gid, made.mtime)
                self.put(here, name, below)
            elif not below.is_directory:
                raise RefusedError(f"{done} is not a directory")
            here = below
        return here

    def read(self, path: str, largest: int) -> bytes | None:
        """What the regular file at a path holds; None where there is none.

        Raises RefusedError where it holds more than `largest` bytes, OSError, ChangedError.
        """
        node = self.find(path)
        if node is None or node.content is None:
            return None
        if node.content.size > largest:
            raise RefusedError(f"/{path} is larger than {largest} bytes, too large to be read")
        opened = node.content.open()
        try:
            return b"".join(opened.blocks())
        finally:
            opened.close()

    def merge(self, other: ImageTree) -> None:
        """Lay what another tree has over this one: directories become one, all else is replaced."""
        pending = [(self.root, other.root)]
        while pending:
            mine, theirs = pending.pop()
            for name, node in theirs.known().items():
                present = self.child(mine, name)
                if node is None:
                    continue
                if present is None or not (present.is_directory and node.is_directory):
                    self.put(mine, name, node)
                    continue
                present.mode, present.uid, present.gid = node.mode, node.uid, node.gid
                present.mtime = node.mtime
                self.touch(present)
                pending.append((present, node))

    def changes(self) -> Iterator[tuple[str, Node]]:
        """What operations have changed since that one, by path, a directory before what is in it;
        with the directories on the way to each, as an overlay would make these up.
        """
        pending: list[tuple[str, Node]] = [("", self.root)]
        while pending:
            path, node = pending.pop()
            if path:
                yield path, node
            if node.children:
                start = f"{path}/" if path else ""
                below = [
                    (start + name, child)
                    for name, child in node.children.items()
                    if child is not None and self._is_changed(child)
                ]
                below.sort(reverse=True)
                pending += below

    def _is_changed(self, node: Node) -> bool:
        """Whether it, or something in it, was changed by one of these operations."""
        if node.touched >= self.since:
            return True
        pending = [node]
        while pending:
            for child in (pending.pop().children or {}).values():
                if child is not None:
                    if child.touched >= self.since:
                        return True
                    pending.append(child)
        return False
