"""What tests with the engines of a release came to, as `contrib/engine-matrix` keeps it."""

from __future__ import annotations

from typing import TypedDict


class Cell(TypedDict):
    """One suite with one engine; `engine` is empty for tests that start none."""

    engine: str
    version: str
    passed: int
    failed: dict[str, str]
    """The last line of what each failed test said, by the test's name."""
    unsteady: dict[str, str]
    """The same of tests that failed beside others, and passed when they were made alone."""
    known: int
    """Tests that are expected to fail, and did: a difference on record."""
    skipped: dict[str, str]
    """The reason, by the test's name: a skipped test is never a pass."""


class Record(TypedDict):
    """One suite in one release."""

    suite: str
    date: str
    commit: str
    python: str
    status: int
    """That of pytest: 0 and 1 are of tests, all else says that they were not all made."""
    cells: list[Cell]
