"""The reference's table of what builds where is what the normaliser says, of files like moby's."""

from __future__ import annotations

from pathlib import Path

from tests.unit.images.eras import files, measured, release, rules, table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "containerfiles.md"


def test_the_table_is_that_of_the_eras() -> None:
    lines = list(table())
    assert len(lines) >= 4
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8"), (
        "python -m tests.unit.images.eras prints the table"
    )


def test_the_small_files_meet_the_rules_that_mobys_own_met() -> None:
    by_release = {release(file): file for file in files()}
    seen = set()
    for first, target, engine, met in measured():
        assert rules(by_release[first], target, engine) == met, (first, target, engine)
        seen.add(first)
    assert seen == set(by_release)
