"""What BuildKit's client sends of a build context: what the instructions of a build name, and what
the links among that lead to.

A wildcard of one instruction finds what others have named, and nothing else. As with BuildKit, a
link that was followed for one path is not followed again for another.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from rootless_build.images.containerfile.patterns import PatternError, clean, file_name
from rootless_build.images.layers.globbing import has_wildcards
from rootless_build.images.layers.sources import Tree


def sent_patterns(tree: Tree, paths: Iterable[str]) -> tuple[str, ...]:
    """The patterns of what is sent of a tree, of which all is seen; none where that is all of it.

    Raises OSError.
    """
    search = _Search(tree)
    for path in sorted({clean(f"/{path}") for path in paths}):
        if path == "/":
            return ()
        search.follow(path)
    if "" in search.found:
        return ()
    kept: list[str] = []
    for path in sorted(search.found):
        if not kept or not path.startswith(f"{kept[-1]}/"):
            kept.append(path)
    return tuple(kept)


class _Search:
    """Paths that are followed, one after the other."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.found: set[str] = set()

    def follow(self, path: str) -> None:
        """Add a path, or the links in it and what they lead to."""
        pending = [path]
        while pending:
            names = [name for name in clean(f"/{pending.pop()}").split("/") if name]
            if not names:
                self.found.add("")
            for number in range(1, len(names) + 1):
                here = "/".join(names[:number])
                targets = self._targets(here)
                last = number == len(names)
                if (last or targets) and here in self.found:
                    break
                if last or targets:
                    self.found.add(here)
                if targets:
                    rest = "/".join(names[number:])
                    pending += [posixpath.join(target, rest) for target in reversed(targets)]
                    break

    def _targets(self, path: str) -> list[str]:
        """What the links lead to that a path stands for; nothing where there are none."""
        parent, _, name = path.rpartition("/")
        if not has_wildcards(name):
            return self._target(path)
        directory = self._tree.find(parent)
        if directory is None or not directory.is_directory:
            return []
        try:
            wanted = file_name(name)
        except PatternError:
            return []
        links = (name for name, node in self._tree.list(parent) if node.is_link)
        places = (f"{parent}/{link}" if parent else link for link in links if wanted.match(link))
        return [target for place in places for target in self._target(place)]

    def _target(self, path: str) -> list[str]:
        node = self._tree.find(path)
        if node is None or not node.is_link:
            return []
        return [posixpath.normpath(posixpath.join("/", posixpath.dirname(path), node.link))]
