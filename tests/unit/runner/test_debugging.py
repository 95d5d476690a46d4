"""What a command in the place of a RUN has written down for rbuild."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.runner.debugging import written_status


@pytest.mark.parametrize(
    ("text", "status"),
    [("0\n", 0), ("255\n", 255), ("256\n", None), ("-1\n", None), ("99999\n", None), ("x", None)],
)
def test_a_status_is_what_a_command_can_end_with(
    tmp_path: Path, text: str, status: int | None
) -> None:
    (tmp_path / "status").write_text(text)
    assert written_status(tmp_path) == status


def test_what_is_no_file_holds_no_status(tmp_path: Path) -> None:
    assert written_status(tmp_path) is None
    (tmp_path / "status").mkdir()
    assert written_status(tmp_path) is None
