"""What a path leads to in a tree, as BuildKit follows links: inside its root, never out of it."""

from __future__ import annotations

import posixpath
from typing import Final

from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.sources import Lookup

_MOST_LINKS: Final = 255


def resolved(tree: Lookup, path: str) -> str:
    """The path without links, relative to the root; what is missing is taken as written.

    `..` in a link takes a name away before anything is looked up. Raises RefusedError where the way
    goes through something that is no directory, or through too many links; OSError.
    """
    links = 0
    here: list[str] = []
    left = _names(path)
    while left:
        name = left.pop()
        place = "/".join([*here, name])
        node = tree.find(place)
        if node is not None and node.is_link:
            links += 1
            if links > _MOST_LINKS:
                raise RefusedError(f"/{place}: too many links")
            left += _names(posixpath.join("/", *here, node.link))
            here = []
            continue
        if node is not None and left and not node.is_directory:
            raise RefusedError(f"/{place} is not a directory")
        here.append(name)
    return "/".join(here)


def _names(path: str) -> list[str]:
    """The names of a path, the last one first; it can't lead out of the root."""
    clean = posixpath.normpath(f"/{path}")
    return [name for name in clean.split("/") if name][::-1]


def cleaned(path: str) -> str:
    """An absolute path without `.`, `..` and repeated slashes; `/` or `/.` at its end stays."""
    clean = posixpath.normpath(f"/{path.lstrip('/')}")
    if path.endswith("/."):
        return f"{clean.rstrip('/')}/."
    if path.endswith("/") and clean != "/":
        return f"{clean}/"
    return clean
