"""Sizes as docker reads them."""

from __future__ import annotations

import pytest

from rootless_build.docker_cli import units


@pytest.mark.parametrize(
    ("words", "number"),
    [("1", 1), ("6m", 6 << 20), ("6MB", 6 << 20), ("1.5GiB", 3 << 29), ("x", None), ("", None)],
)
def test_a_limit_of_memory(words: str, number: int | None) -> None:
    assert units.of_memory(words) == number
