"""HEALTHCHECK --start-interval."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last

LINE = "HEALTHCHECK --start-interval=1s --timeout=3s CMD a"


def test_without_leave_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="no start interval") as refused:
        last(tmp_path, LINE)
    assert "--allow-inexact" in refused.value.hint


def test_with_leave_it_is_left_out(tmp_path: Path) -> None:
    assert last(tmp_path, LINE, allow=True) == ["HEALTHCHECK --timeout=3s CMD a"]
