"""Columns as Go's text/tabwriter lays them out for docker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LEAST: Final = 10
_GAP: Final = 3


def aligned(text: str, least: int = _LEAST) -> str:
    """Lines with tabs become columns; what follows the last tab of a line is in none."""
    rows = [line.split("\t") for line in text.split("\n")]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1]
        for row, widths in zip(rows, _widths(rows, least), strict=True)
    )


def _widths(rows: Sequence[Sequence[str]], least: int) -> list[list[int]]:
    """The widths of each row's columns: a column is of rows beside each other that have it."""
    found: list[list[int]] = [[0] * (len(row) - 1) for row in rows]
    for number in range(max((len(row) - 1 for row in rows), default=0)):
        block: list[int] = []
        for place, row in enumerate((*rows, ())):
            if len(row) - 1 > number:
                block.append(place)
                continue
            width = max((len(rows[each][number]) + _GAP for each in block), default=0)
            for each in block:
                found[each][number] = max(width, least)
            block = []
    return found
