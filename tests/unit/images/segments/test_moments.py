"""When an image was made, where it is made again of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.segments.moments import Moments


def test_the_same_image_has_the_time_of_the_first(tmp_path: Path) -> None:
    first = Moments(tmp_path).of(b"one", "")
    assert Moments(tmp_path).of(b"two", "") != first
    assert Moments(tmp_path).of(b"one", "") == first


def test_source_date_epoch_is_the_time(tmp_path: Path) -> None:
    assert Moments(tmp_path).of(b"one", "86400").startswith("1970-01-02T00:00:00")


@pytest.mark.parametrize("content", ["", "yesterday"])
def test_a_damaged_record_is_written_anew(tmp_path: Path, content: str) -> None:
    first = Moments(tmp_path).of(b"one", "")
    (file,) = (tmp_path / "moments").iterdir()
    file.write_text(content)
    second = Moments(tmp_path).of(b"one", "")
    assert second > first
    assert Moments(tmp_path).of(b"one", "") == second


def test_what_can_not_be_kept_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "moments").write_text("a file stands there")
    assert Moments(tmp_path).of(b"one", "")
    assert Moments(None).of(b"one", "")
