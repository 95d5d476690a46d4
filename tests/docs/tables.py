"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The table; what is in a cell stays in it."""
    lines = [f"| {' | '.join(cell(each) for each in row)} |" for row in (heads, *rows)]
    lines.insert(1, f"|{'---|' * len(heads)}")
    return "\n".join(lines)


def cell(text: str) -> str:
    """The text as a cell: on one line, its bars no end of it."""
    return " ".join(text.split()).replace("|", "\\|")
