"""Docker's commands, and what becomes of each in a live run, from `rootless_build.docker_cli`."""

from __future__ import annotations

from rootless_build.docker_cli.commands import REFUSED_GROUPS, ROWS
from rootless_build.docker_cli.row import Row, Way
from tests.docs.tables import table


def command_table() -> str:
    """Each command with what becomes of it, what an engine needs for it, and what it is without."""
    rows = [
        (_names(row), _becomes(row), _without(row))
        for row in sorted(ROWS, key=lambda row: row.name)
    ]
    groups = [(f"`{name}`, all of it", f"refused: {why}", "") for name, why in _GROUPS]
    return table(["command", "what becomes of it", "flags that are refused"], rows + groups)


_GROUPS = sorted(REFUSED_GROUPS.items())


def _names(row: Row) -> str:
    return ", ".join(f"`{name}`" for name in (row.name, *row.also))


def _becomes(row: Row) -> str:
    if row.way is Way.REFUSED:
        return f"refused: {row.refused}"
    words = [row.way.value]
    if row.needs:
        words.append(f"needs {row.needs.value}")
    if row.on_request:
        words.append(f"only with `{row.on_request}`")
    return "; ".join(words)


def _without(row: Row) -> str:
    return (
        ""
        if row.way is Way.REFUSED
        else ", ".join(f"`--{n}` ({w})" for n, w in row.without.items())
    )
