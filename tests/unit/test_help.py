"""`rbuild help` on terminals of different widths."""

from __future__ import annotations

import pytest

from rootless_build.cli import help as page

ROWS = {"plan": "show what would be done, as commands to paste or as JSON, or nothing at all"}


@pytest.mark.parametrize(("columns", "widest"), [(0, 79), (60, 59), (100, 79), (200, 79), (20, 50)])
def test_lines_are_broken_at_words(columns: int, widest: int) -> None:
    description = "One sentence that is long enough. " * 4 + "\n\n  another paragraph"
    text = page.text("rbuild [options]", description, ROWS, {}, columns)
    assert max(map(len, text.splitlines())) <= widest
    assert " ".join(text.split()) == " ".join(
        f"Usage: rbuild [options] {description} Commands: plan {ROWS['plan']}".split()
    )
