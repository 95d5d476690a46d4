"""README's table of what builds where is what the normaliser says."""

from __future__ import annotations

from pathlib import Path

from tests.unit.eras import releases, table

README = Path(__file__).parents[2] / "README.md"


def test_the_table_is_that_of_the_eras() -> None:
    lines = list(table())
    assert len(lines) == 2 + len(releases())
    assert "\n".join(lines) in README.read_text(), "python -m tests.unit.eras prints the table"
