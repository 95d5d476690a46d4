"""Several compose files as one, and `extends` (compose-spec: 13-merge.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rootless_build.recipes.bake.yaml_nodes import Fields, Items, Leaf, Tree

_PAIRS: Final = ("args", "labels", "environment", "additional_contexts", "extra_hosts", "ssh")
"""Fields that may be written as a list of NAME=VALUE, and are merged by name."""
_RESET: Final = "!reset"
_OVERRIDE: Final = "!override"


def merge_trees(first: Tree, second: Tree, path: tuple[str, ...] = ()) -> Tree:
    """The first tree with what the second one has in its place or besides."""
    name = path[-1] if path else ""
    if isinstance(second, Fields | Items) and second.tag == _OVERRIDE:
        return second
    if name == "build":
        first, second = expand_build(first), expand_build(second)
    if name in _PAIRS:
        first, second = pairs(first), pairs(second)
    if isinstance(first, Fields) and isinstance(second, Fields):
        made = dict(first.fields)
        for key, value in second.fields.items():
            if isinstance(value, Fields | Items) and value.tag == _RESET:
                made.pop(key, None)
            elif key in made:
                made[key] = merge_trees(made[key], value, (*path, key))
            else:
                made[key] = value
        return Fields(made, first.place)
    if isinstance(first, Items) and isinstance(second, Items):
        return Items((*first.items, *second.items), first.place)
    return first if isinstance(second, Leaf) and second.value is None else second


def expand_build(tree: Tree) -> Tree:
    """`build: DIRECTORY` as the mapping that it stands for."""
    if isinstance(tree, Leaf) and tree.value is not None:
        return Fields({"context": tree}, tree.place)
    return tree


def pairs(tree: Tree) -> Tree:
    """A list of NAME=VALUE, and of bare names, as a mapping; NAME:VALUE too (extra_hosts)."""
    if not isinstance(tree, Items):
        return tree
    made: dict[str, Tree] = {}
    for item in tree.items:
        text = item.written if isinstance(item, Leaf) else ""
        name, separator, value = text.partition("=")
        made[name] = Leaf(value if separator else None, value, item.place)
    return Fields(made, tree.place)


def extend(services: Mapping[str, Tree], name: str, base: Tree) -> Tree:
    """A service on top of the one it extends."""
    own = services[name]
    assert isinstance(own, Fields)  # what extends is a mapping
    rest = {key: value for key, value in own.fields.items() if key != "extends"}
    return merge_trees(base, Fields(rest, own.place), ("services", name))
