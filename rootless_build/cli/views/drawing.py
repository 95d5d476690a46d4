"""Rows of text as lines of a terminal, by rich: cut to the columns, aligned, with colours.

Imported when something is drawn: rich takes 50 ms.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rootless_build.cli.views.board import Row

_ROOMY: Final = 72
"""Columns from which on there is room for a bar."""
_NARROW: Final = 50
"""Columns below which what it took the last time is left out."""
_BAR: Final = 16


def lines(rows: Sequence[Row], columns: int, height: int, *, color: bool) -> Sequence[str]:
    """No more than `height` lines, none of which is as wide as the terminal: what takes the last
    column as well makes some terminals begin another line.
    """
    if len(rows) > height:
        left = len(rows) - height + 1
        rows = [*rows[: height - 1], Row("", f"… and {left} more")]
    out = io.StringIO()
    console = Console(
        file=out,
        width=max(columns - 1, 1),
        height=height,
        color_system="standard" if color else None,
        force_terminal=True,
        legacy_windows=False,
        _environ={},
    )
    for row in rows:
        console.print(_line(row, columns), end="", soft_wrap=False)
    return out.getvalue().removesuffix("\n").split("\n")


def _line(row: Row, columns: int) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    cells: list[Text | ProgressBar] = [_left(row)]
    if row.share is not None and columns >= _ROOMY:
        grid.add_column(width=_BAR)
        cells.append(ProgressBar(1.0, row.share, width=_BAR, complete_style="green"))
    right = row.right.partition(" of ")[0] if columns < _NARROW else row.right
    if right:
        grid.add_column(no_wrap=True, justify="right")
        cells.append(Text(right, "dim"))
    grid.add_row(*cells)
    return grid


def _left(row: Row) -> Text:
    text = Text.from_ansi(row.text) if "\x1b" in row.text else Text(row.text)
    indent = "" if row.is_step else "  "
    if not row.head:
        text.stylize("dim")
        return Text(indent) + text
    return Text.assemble((f"{indent}{row.head} ", "bold" if row.is_step else "cyan"), text)
