"""`rbuild help` on terminals of different widths."""

from __future__ import annotations

import re

import pytest

from rootless_build.cli import app
from rootless_build.cli.views import help as page
from rootless_build.model.errors import (
    BundlesError,
    HostError,
    InterruptedByUserError,
    RbuildError,
    UsageError,
)

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


def test_the_program_tells_its_exit_statuses_environment_and_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.run(["rbuild", "help"]) == 0
    told = capsys.readouterr().out
    for errors in (RbuildError, UsageError, HostError, BundlesError, InterruptedByUserError):
        assert re.search(rf"^  {errors.exit_code} +\w", told, re.MULTILINE)
    for word in ("RBUILD_BACKEND", "$XDG_STATE_HOME/rbuild", "rbuild.toml", "GITLAB_CI"):
        assert f"\n  {word}" in told or f", {word}" in told
    assert app.run(["rbuild", "help", "plan"]) == 0
    assert "Exit status" not in capsys.readouterr().out
