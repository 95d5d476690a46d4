"""A block with a matrix is a target for each combination of the matrix's values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake.blocks import check_name
from rootless_build.recipes.bake.hcl.evaluate import Local, Scope, evaluate, text_of
from rootless_build.recipes.bake.hcl.syntax import Argument, Block
from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import refused

_COMBINATIONS: Final = 1000


class Instance(Struct, frozen=True):
    """A block with one combination of its matrix."""

    block: Block
    name: str
    scope: Scope


def instances(block: Block, scope: Scope) -> list[Instance]:
    """The groups or targets that a block makes. Raises BakeError."""
    matrix, template = block.body.argument("matrix"), block.body.argument("name")
    label = block.labels[0]
    if block.type == "group":
        wrong = matrix or template
        if wrong is not None:
            raise refused(wrong.place, f"a group has no {wrong.name}")
        return [Instance(block, label, scope)]
    if template is not None and matrix is None:
        raise refused(template.place, "a name is for the targets of a matrix")
    scopes = [scope] if matrix is None else _combinations(matrix, scope)
    made: list[Instance] = []
    seen: set[str] = set()
    for inner in scopes:
        name = label
        if template is not None:
            name = text_of(template.expression, inner)
            check_name(name, template.place)
        if name in seen:
            raise refused(
                (template or block).place,
                f"two targets of the matrix have the name {name!r}",
                'name = "…-${item}" gives each its own',
            )
        seen.add(name)
        made.append(Instance(block, name, inner))
    return made


def _combinations(matrix: Argument, scope: Scope) -> list[Scope]:
    value = evaluate(matrix.expression, scope)
    if not isinstance(value, Mapping):
        raise refused(matrix.place, "a matrix is a map of lists")
    rows: list[list[tuple[str, Value]]] = []
    for name in sorted(value):
        items = value[name]
        if isinstance(items, Mapping):
            items = tuple(items[key] for key in sorted(items))
        if not isinstance(items, tuple):
            raise refused(matrix.place, f"the matrix's {name} is no list")
        rows.append([(name, item) for item in items])
    count = math.prod(map(len, rows))
    if count > _COMBINATIONS:
        what = f"the matrix has {count:,} combinations, and {_COMBINATIONS:,} are the most here"
        raise refused(matrix.place, what)
    return [Local(scope, dict(row), scope.budget) for row in itertools.product(*rows)]
