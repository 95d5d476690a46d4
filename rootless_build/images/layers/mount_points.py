"""What an engine makes in an image to mount something on, and leaves there when the RUN is over.

BuildKit takes it away again where it is still empty, and the directories on the way that it made
for it too; the directory that it was in keeps its time (executor/stubs.go of moby/buildkit).
podman 4.3.1 and buildah 1.28.2 leave it, and take away what was there before: a file, a link, a
directory with all that is in it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from rootless_build.images.layers.destination import resolved
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.nodes import LONGEST_NAME, Node
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.sources import Tree

_WHITEOUT: Final = ".wh."
_OF_KERNEL: Final = ("/dev", "/proc", "/sys")
"""Where something is mounted in every RUN, and what is left there with BuildKit too."""
_STICKY: Final = stat.S_IFDIR | 0o1755
"""What crun (1.21) makes to mount something on; BuildKit and runc leave the sticky bit out."""


class OwnLayer(Protocol):
    """What a layer holds by itself."""

    def entries(self, directory: str) -> list[tuple[str, bool]]:
        """What it has in a directory, with what it takes away there, and of each whether it is a
        directory. Raises OSError.
        """


class Trees:
    """An image before and after RUNs, and what each of their layers holds by itself; None where
    that is not known.
    """

    def __init__(self, before: Tree | None, after: Tree, own: Sequence[OwnLayer] | None) -> None:
        self.before = before
        self.after = after
        self.own = own

    def was_there(self, path: str) -> Node | None:
        """What was at a path before; None for nothing."""
        return self.before.find(path) if self.before else None


class MountPointsOf:
    """Puts right in an image what an engine did to mount something. Raises OSError."""

    def __init__(self, image: ImageTree) -> None:
        self._image = image
        self._done: set[str] = set()
        """Paths that are the engine's work: they were made, or removed, for a mount alone."""
        self._removed: list[tuple[Node, str]] = []

    def is_put_over(self) -> bool:
        """Whether something is now where something was taken away: a layer can't say both."""
        return any(parent.known().get(name) is not None for parent, name in self._removed)

    def put_right(self, trees: Trees, paths: Sequence[str]) -> None:
        """At these paths, where something was mounted."""
        self._restore(trees, paths)
        self._remove(trees, paths)
        for path in (*paths, *_OF_KERNEL):
            self._set_modes(trees, path)
        for place in (each for path in paths for each in _places(trees, path)):
            self._set_time(trees, _nearest(trees, place))

    def _restore(self, trees: Trees, paths: Sequence[str]) -> None:
        """What something is mounted on nobody but the engine could take away."""
        for place in (each for path in paths for each in _places(trees, path)):
            before = trees.was_there(place)
            if trees.before is None or before is None or trees.after.find(place) is not None:
                continue
            parent, _, name = place.rpartition("/")
            directory = self._image.find(parent)
            if directory is not None and directory.is_directory:
                self._done.add(place)
                self._put_back(trees.before, directory, name, place, before)

    def _put_back(self, tree: Tree, parent: Node, name: str, path: str, node: Node) -> None:
        """Put what a tree has at a path into a directory of the image."""
        pending = [(parent, name, path, node)]
        while pending:
            directory, called, place, each = pending.pop()
            self._image.put(directory, called, each)
            if each.is_directory:
                pending += [
                    (each, below, f"{place}/{below}", child) for below, child in tree.list(place)
                ]

    def _remove(self, trees: Trees, paths: Sequence[str]) -> None:
        gone = self._made_for_a_mount(trees, paths)
        self._done |= gone
        for path in sorted(gone):
            parent, _, name = path.rpartition("/")
            if parent in gone or len(os.fsencode(_WHITEOUT + name)) > LONGEST_NAME:
                continue
            directory = self._image.find(parent)
            if directory is not None:
                self._image.remove(directory, name, _WHITEOUT + name)
                self._removed.append((directory, name))

    def _made_for_a_mount(self, trees: Trees, paths: Sequence[str]) -> set[str]:
        made = {each for path in paths for each in _missing(trees, path)}
        gone: set[str] = set()
        # The deepest first: a directory is empty when what was made in it is gone.
        for path in sorted(made, key=lambda each: -each.count("/")):
            node = trees.after.find(path)
            if node is not None and _is_empty(path, node, trees.after, gone | self._done):
                gone.add(path)
        return gone

    def _set_modes(self, trees: Trees, path: str) -> None:
        """What was made for a mount, and is not taken away, has a directory's usual mode."""
        for each in _missing(trees, path):
            node = self._image.find(each)
            if node is not None and node.mode == _STICKY:
                node.mode = stat.S_IFDIR | 0o755
                self._image.touch(node)

    def _set_time(self, trees: Trees, path: str) -> None:
        """A directory has the time that it had, unless a RUN has changed more of it."""
        before = trees.was_there(path) if path else None
        now = self._image.find(path)
        if before is None or now is None or now.mtime == before.mtime or _is_other(now, before):
            return
        if trees.own is None:
            return
        if not any(self._holds_more(layer, path, trees) for layer in trees.own):
            now.mtime = before.mtime
            self._image.touch(now)

    def _holds_more(self, layer: OwnLayer, start: str, trees: Trees) -> bool:
        pending = [start]
        while pending:
            directory = pending.pop()
            for name, is_directory in layer.entries(directory):
                path = f"{directory}/{name}"
                if path in self._done:
                    continue
                if not is_directory or trees.was_there(path) is None:
                    return True
                pending.append(path)
        return False


def _place(trees: Trees, path: str) -> str | None:
    """Where a path led to; None where nothing can have been mounted."""
    if trees.before is None:
        return "/".join(filter(None, path.split("/")))
    try:
        return resolved(trees.before, path)
    except RefusedError:
        return None


def _places(trees: Trees, path: str) -> Iterator[str]:
    """Where a path led to, and the path itself where a link is in the last of its names."""
    place = _place(trees, path)
    above, _, name = path.rstrip("/").rpartition("/")
    parent = _place(trees, above)
    if parent is not None:
        yield f"{parent}/{name}".lstrip("/")
    if place:
        yield place


def _nearest(trees: Trees, place: str) -> str:
    """The directory that a place was in, or that the first of its parents that was made was in."""
    above = place.rpartition("/")[0]
    while above and trees.was_there(above) is None:
        above = above.rpartition("/")[0]
    return above


def _missing(trees: Trees, path: str) -> Iterator[str]:
    """The path and what is above it, as far as it was not there before."""
    place = _place(trees, path)
    while place and trees.was_there(place) is None:
        yield place
        place = place.rpartition("/")[0]


def _is_empty(path: str, node: Node, tree: Tree, gone: set[str]) -> bool:
    if node.is_directory:
        return all(f"{path}/{name}" in gone for name, _ in tree.list(path))
    return node.is_file and node.content is not None and not node.content.size


def _is_other(now: Node, before: Node) -> bool:
    return (now.mode, now.uid, now.gid) != (before.mode, before.uid, before.gid)
