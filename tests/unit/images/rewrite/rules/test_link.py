"""COPY --link."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.images.rewrite.rewriting import last


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("COPY --link a /", "COPY a /"),
        ("COPY --link=true --chown=1 a /", "COPY --chown=1 a /"),
        ("ADD --link --chmod=600 a /", "ADD --chmod=600 a /"),
        ('COPY --link ["a b", "/"]', 'COPY ["a b", "/"]'),
    ],
)
def test_it_is_left_out(tmp_path: Path, line: str, becomes: str) -> None:
    assert last(tmp_path, line) == [becomes]
