"""A bake file in JSON becomes the same syntax as one in HCL (hashicorp/hcl, json/spec.md).

Strings are templates; blocks are objects with their labels as keys, or lists of these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rootless_build.recipes.bake import yaml_nodes
from rootless_build.recipes.bake.hcl.numbers import Number
from rootless_build.recipes.bake.hcl.reader import parse_template
from rootless_build.recipes.bake.hcl.syntax import (
    Argument,
    Block,
    Body,
    Constant,
    Expression,
    Object,
    Tuple,
)
from rootless_build.recipes.bake.hcl.values import json_data
from rootless_build.recipes.bake.source import Place, Source, refused
from rootless_build.recipes.bake.yaml_nodes import Fields, Items, Leaf, Tree

_LABELLED: Final = ("target", "group", "variable", "function")
_NESTED: Final = ("validation",)
_COMMENT: Final = "//"


def parse_file(source: Source) -> Body:
    """The file's body. Raises BakeError for what is not JSON."""
    try:
        data = json_data(source.text)
    except json.JSONDecodeError as error:
        place = Place(source, error.lineno, error.colno)
        raise refused(place, f"this is not JSON: {error.msg}") from error
    except ValueError as error:
        raise refused(Place(source, 1, 1), f"this is not JSON: {error}") from error
    # JSON has no places in Python; as YAML it has. The values are JSON's.
    tree = _with_values(yaml_nodes.parse(_spaced(source)), data)
    if not isinstance(tree, Fields):
        raise refused(tree.place, "a bake file is an object")
    return _body(tree, _LABELLED)


def _spaced(source: Source) -> Source:
    # Inside a string JSON has no tab, and between words YAML takes none.
    return Source(source.name, source.text.replace("\t", " "))


def _with_values(tree: Tree, data: object) -> Tree:
    if isinstance(tree, Fields) and isinstance(data, Mapping):
        # A key may be escaped in a way that only JSON reads right.
        pairs = zip(data.items(), tree.fields.values(), strict=True)
        return Fields({str(k): _with_values(t, v) for (k, v), t in pairs}, tree.place)
    if isinstance(tree, Items) and isinstance(data, Sequence):
        pairs_of_items = zip(tree.items, data, strict=True)
        return Items(tuple(_with_values(t, v) for t, v in pairs_of_items), tree.place)
    assert data is None or isinstance(data, Number | str)  # JSON's scalars
    return Leaf(data, str(data), tree.place)


def _body(tree: Fields, kinds: Sequence[str]) -> Body:
    arguments = []
    blocks: list[Block] = []
    for name, value in tree.fields.items():
        if name == _COMMENT:
            continue
        if name in kinds and name in _NESTED:
            blocks += (_block(name, (), body) for body in _objects(value))
        elif name in kinds:
            blocks += _labelled(name, value)
        else:
            arguments.append(Argument(name, _expression(value), value.place))
    return Body(tuple(arguments), tuple(blocks))


def _labelled(kind: str, value: Tree) -> Iterator[Block]:
    for holder in _objects(value):
        for label, inside in holder.fields.items():
            if label != _COMMENT:
                yield from (_block(kind, (label,), body) for body in _objects(inside))


def _block(kind: str, labels: tuple[str, ...], tree: Fields) -> Block:
    return Block(kind, labels, _body(tree, _NESTED if kind == "variable" else ()), tree.place)


def _objects(value: Tree) -> Iterator[Fields]:
    for one in value.items if isinstance(value, Items) else (value,):
        if not isinstance(one, Fields):
            raise refused(one.place, "an object is wanted here")
        yield one


def _expression(tree: Tree) -> Expression:
    if isinstance(tree, Fields):
        items = tree.fields.items()
        pairs = ((parse_template(name, v.place), _expression(v)) for name, v in items)
        return Object(tuple(pairs), tree.place)
    if isinstance(tree, Items):
        return Tuple(tuple(_expression(item) for item in tree.items), tree.place)
    if isinstance(tree.value, str):
        return parse_template(tree.value, tree.place)
    return Constant(tree.value, tree.place)
