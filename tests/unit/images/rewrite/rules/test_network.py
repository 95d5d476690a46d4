"""RUN --network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.images.rewrite.rewriting import last


@pytest.mark.parametrize("wanted", ["default", "host", "none"])
def test_the_build_of_a_segment_has_the_network(tmp_path: Path, wanted: str) -> None:
    assert last(tmp_path, f"RUN --network={wanted} a") == ["RUN a"]
