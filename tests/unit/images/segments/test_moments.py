"""When an image was made, where it is made again of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.segments.moments import Moments, epoch_of
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage


def test_the_same_image_has_the_time_of_the_first(tmp_path: Path) -> None:
    first = Moments(tmp_path).of(b"one", None)
    assert Moments(tmp_path).of(b"two", None) != first
    assert Moments(tmp_path).of(b"one", None) == first


def test_source_date_epoch_is_the_time(tmp_path: Path) -> None:
    assert Moments(tmp_path).of(b"one", 86400).startswith("1970-01-02T00:00:00")


@pytest.mark.parametrize("content", ["", "yesterday"])
def test_a_damaged_record_is_written_anew(tmp_path: Path, content: str) -> None:
    first = Moments(tmp_path).of(b"one", None)
    (file,) = (tmp_path / "moments").iterdir()
    file.write_text(content)
    second = Moments(tmp_path).of(b"one", None)
    assert second > first
    assert Moments(tmp_path).of(b"one", None) == second


def test_what_can_not_be_kept_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "moments").write_text("a file stands there")
    assert Moments(tmp_path).of(b"one", None)
    assert Moments(None).of(b"one", None)


@pytest.mark.parametrize("written", ["253402300800", "9" * 20, "9" * 5000])
def test_an_epoch_that_is_no_time_is_refused(written: str) -> None:
    step = BuildImage(Path("/context"), build_args=(("SOURCE_DATE_EPOCH", written),))
    with pytest.raises(RecipeError, match="is no time that an image can have"):
        epoch_of(step)


@pytest.mark.parametrize(
    ("written", "epoch"), [("0", 0), ("86400", 86400), ("", None), ("x", None)]
)
def test_the_epoch_of_a_build(written: str, epoch: int | None) -> None:
    step = BuildImage(Path("/context"), build_args=(("SOURCE_DATE_EPOCH", written),))
    assert epoch_of(step) == epoch
