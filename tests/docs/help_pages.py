"""What `rbuild help` has besides commands and options: exit statuses, the environment, files."""

from __future__ import annotations

import re

from rootless_build.cli.views.help_tables import ENVIRONMENT, EXIT_STATUSES, FILES, Rows
from tests.docs.tables import table


def _table(heads: tuple[str, str], rows: Rows) -> str:
    return table(heads, [(_names(names), meaning) for names, meaning in rows])


def _names(names: str) -> str:
    """Each name as code; words between them stay words."""
    return ", ".join(
        f"`{name}`" if re.search(r"[A-Z_./$=]|^\d", name) else name for name in names.split(", ")
    )


def statuses() -> str:
    """What rbuild ends with."""
    return _table(("status", "meaning"), EXIT_STATUSES)


def environment() -> str:
    """The variables that rbuild reads."""
    return _table(("variable", "meaning"), ENVIRONMENT)


def files() -> str:
    """What rbuild reads and writes."""
    return _table(("file", "what it is"), FILES)
