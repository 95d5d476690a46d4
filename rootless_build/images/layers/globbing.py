"""Sources with wildcards: what each stands for in a tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from rootless_build.images.containerfile.patterns import Pattern, PatternError, file_name
from rootless_build.images.layers.destination import resolved
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.sources import Tree


def has_wildcards(name: str) -> bool:
    """Whether a name stands for others: `\\` takes the meaning from the next character."""
    characters = iter(name)
    for character in characters:
        if character == "\\":
            next(characters, "")
        elif character in "*?[":
            return True
    return False


def matches(tree: Tree, source: str) -> list[str]:
    """The paths of a source, relative to the tree; those that it has, for one with wildcards.

    Names before the first one with wildcards are taken to the letter, and links among them
    followed; later ones are not. Raises RefusedError, OSError.
    """
    names = [name for name in posixpath.normpath(f"/{source}").split("/") if name]
    plain = next((at for at, name in enumerate(names) if has_wildcards(name)), len(names))
    if plain == len(names):
        return ["/".join(names)]
    try:
        patterns = [file_name(name) for name in names[plain:]]
    except PatternError as error:
        raise RefusedError(f"{source}: {error}") from error
    start = resolved(tree, "/".join(names[:plain]))
    place = tree.find(start)
    if place is None:
        raise RefusedError(f"{source}: /{start} is not there")
    return list(_below(tree, start, patterns)) if place.is_directory else []


def _below(tree: Tree, path: str, patterns: list[Pattern]) -> Iterator[str]:
    for name, node in tree.list(path):
        if not patterns[0].match(name):
            continue
        place = f"{path}/{name}" if path else name
        if len(patterns) == 1:
            yield place
        elif node.is_directory:
            yield from _below(tree, place, patterns[1:])
