"""What may stand in a block of a bake file, and what is said of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rootless_build.recipes.bake.hcl.syntax import Block
from rootless_build.recipes.bake.source import Place, nearest, passed_over, refused

BLOCKS: Final = ("target", "group", "variable", "function")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")


def check_label(block: Block) -> None:
    """Raises BakeError for a block that has not one name."""
    if len(block.labels) != 1:
        raise refused(block.place, f"a {block.type} has one name, and here are {len(block.labels)}")
    if block.type in {"group", "target"}:
        check_name(block.labels[0], block.place)


def check_name(name: str, place: Place) -> None:
    """Raises BakeError for what can't be the name of a group or a target."""
    if not _NAME.fullmatch(name):
        raise refused(place, f"the name {name!r} has more than letters, digits, _ and - in it")


def without_effect(
    block: Block, allowed: Sequence[str], blocks: Sequence[str] = ()
) -> Iterator[str]:
    """Notes on what buildx takes no notice of in the block."""
    for argument in block.body.arguments:
        if argument.name not in allowed:
            what = f"a {block.type} has no attribute {argument.name!r}"
            yield passed_over(argument.place, what, nearest(argument.name, allowed))
    for inner in block.body.blocks:
        if inner.type not in blocks:
            what = f"a {block.type} has no block {inner.type!r}"
            if inner.type in allowed:
                what += f" (an attribute is `{inner.type} = {{ … }}`)"
            yield passed_over(inner.place, what, nearest(inner.type, blocks))


def check_arguments(block: Block, allowed: Sequence[str]) -> None:
    """Raises BakeError for what buildx refuses in the block."""
    for argument in block.body.arguments:
        if argument.name not in allowed:
            raise refused(
                argument.place,
                f"a {block.type} has no attribute {argument.name!r}",
                nearest(argument.name, allowed),
            )
    for inner in block.body.blocks:
        raise refused(inner.place, f"a {block.type} has no block {inner.type!r}")
