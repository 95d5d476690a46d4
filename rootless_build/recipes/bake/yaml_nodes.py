"""YAML as a tree in which everything knows its place; JSON too, which is YAML but for tabs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rootless_build.model.errors import reason
from rootless_build.recipes.bake.hcl.numbers import Number
from rootless_build.recipes.bake.source import Place, Source, refused

Scalar = None | bool | Number | str
_MERGE: Final = "tag:yaml.org,2002:merge"
_MARKS: Final = re.compile(r"[-,:\[\]{}&*?\n\"']")
_MOST: Final = 30_000
_BRACKETS: Final = re.compile(r"[\[\]{}]")
_DEEPEST: Final = 300
"""What ruamel reads in a second, and far more than anybody writes."""
_WORDS: Final = ("int", "float", "timestamp", "str")


class Leaf(Struct, frozen=True):
    """A scalar. `written`: its text, before a type was seen in it."""

    value: Scalar
    written: str
    place: Place


class Items(Struct, frozen=True):
    """A sequence. `replaces`: tagged `!override`, `!reset` (compose's way to undo a merge)."""

    items: tuple[Tree, ...]
    place: Place
    tag: str = ""


class Fields(Struct, frozen=True):
    """A mapping, anchors and merge keys (`<<`) resolved, in the file's order."""

    fields: Mapping[str, Tree]
    place: Place
    tag: str = ""

    def get(self, name: str) -> Tree | None:
        """The value of a field; None where it is missing or null."""
        found = self.fields.get(name)
        return None if isinstance(found, Leaf) and found.value is None else found


Tree = Leaf | Items | Fields


def _depth(text: str) -> int:
    """How many brackets stand in one another at most, those in strings and comments among them.

    The parser looks at all that are open for each word.
    """
    deepest = depth = 0
    for mark in _BRACKETS.findall(text):
        depth = depth + 1 if mark in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def parse(source: Source) -> Tree:
    """The only document of a file. Raises BakeError for what is not YAML."""
    if len(_MARKS.findall(source.text)) > _MOST:
        raise refused(Place(source, 1, 1), f"it has more than {_MOST:,} words and marks")
    if _depth(source.text) > _DEEPEST:
        raise refused(Place(source, 1, 1), f"it opens more than {_DEEPEST} brackets in one another")
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            # That an anchor is set anew is no mistake.
            warnings.simplefilter("ignore")
            node = yaml.compose(source.text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)
        what = error.problem or error.context or "it can't be read"
        raise refused(place, f"this is not YAML: {what}") from error
    except YAMLError as error:
        raise refused(Place(source, 1, 1), f"this is not YAML: {error}") from error
    except (ValueError, OverflowError) as error:
        raise refused(Place(source, 1, 1), f"this is not YAML: {reason(error)}") from error
    if node is None:
        return Leaf(None, "", Place(source, 1, 1))
    return _Reader(source).tree(node)


class _Reader:
    """Nodes as a tree. What an anchor names is read anew wherever it is named: how much is counted,
    since a few hundred bytes can name more than any memory holds.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._count = 0

    def _place(self, node: Node) -> Place:
        return Place(self._source, node.start_mark.line + 1, node.start_mark.column + 1)

    def _counted(self, count: int, place: Place) -> None:
        self._count += count
        if self._count > _MOST:
            raise refused(place, f"with its aliases written out it has more than {_MOST:,} parts")

    def tree(self, node: Node) -> Tree:
        place = self._place(node)
        self._counted(1, place)
        tag = str(node.tag)
        if isinstance(node, MappingNode):
            fields = dict(self._fields(node))
            return Fields(fields, place, tag if tag.startswith("!") else "")
        if isinstance(node, SequenceNode):
            items = tuple(map(self.tree, node.value))
            return Items(items, place, tag if tag.startswith("!") else "")
        assert isinstance(node, ScalarNode)  # there are three kinds of nodes
        return Leaf(_scalar(node, place), str(node.value), place)

    def _fields(self, node: MappingNode) -> Iterator[tuple[str, Tree]]:
        own: dict[str, Tree] = {}
        merged: dict[str, Tree] = {}
        for key, value in node.value:
            where = self._place(key)
            if not isinstance(key, ScalarNode):
                raise refused(where, "a key is a word")
            if str(key.tag) == _MERGE:
                tree = self.tree(value)
                for part in tree.items if isinstance(tree, Items) else (tree,):
                    if not isinstance(part, Fields):
                        raise refused(where, "`<<` merges mappings")
                    self._counted(len(merged), where)
                    merged = {**part.fields, **merged}
                continue
            name = str(key.value)
            if name in own:
                raise refused(where, f"the key {name!r} comes twice")
            own[name] = self.tree(value)
        yield from {**merged, **own}.items()


def _scalar(node: ScalarNode, place: Place) -> Scalar:
    """Null and bools are told from words; numbers stay as they are written."""
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None
    if kind == "bool":
        return str(node.value).lower() == "true"
    if kind not in _WORDS and not kind.startswith("!"):
        raise refused(place, f"the tag {kind!r} is not known here")
    return str(node.value)
