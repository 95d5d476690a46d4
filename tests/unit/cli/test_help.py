"""`rbuild help` on terminals of different widths."""

from __future__ import annotations

import pytest

from rootless_build.cli.views import help as page

ROWS = {"plan": "show what would be done, as commands to paste or as JSON, or nothing at all"}


@pytest.mark.parametrize(("columns", "widest"), [(0, 79), (60, 59), (100, 79), (200, 79), (20, 50)])
def test_lines_are_broken_at_words(columns: int, widest: int) -> None:
    description = "One sentence that is long enough. " * 4 + "\n\n  another paragraph"
    text = page.text("rbuild [options]", description, ROWS, {}, columns)
    assert max(map(len, text.splitlines())) <= widest
    assert " ".join(text.split()) == " ".join(
        f"Usage: rbuild [options] {description} Commands: plan {ROWS['plan']}".split()
    )


@pytest.mark.parametrize("length", range(20, 32))
def test_a_command_of_any_length_stands_apart_from_what_it_does(length: int) -> None:
    text = page.text("rbuild [options]", "", {"x" * length: "does this"}, {}, 79)
    assert " ".join(text.split()).endswith(f" {'x' * length} does this")


def test_a_paragraph_is_broken_where_the_terminal_ends_alone() -> None:
    text = page.text("rbuild", "words of a\nsentence that goes on\nand on", {}, {}, 60)
    assert text.endswith("\n\nwords of a sentence that goes on and on")
