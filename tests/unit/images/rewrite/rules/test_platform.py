"""FROM --platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting


@pytest.mark.parametrize(
    ("head", "platform", "full"),
    [
        ("", "amd64", "linux/amd64"),
        ("", "aarch64", "linux/arm64"),
        ("", "armhf", "linux/arm/v7"),
        ("", "windows", f"windows/{platforms.host().split('/')[1]}"),
        ("ARG P=linux/s390x", "$P", "linux/s390x"),
        ("ARG P=arm64", "${P}", "linux/arm64"),
    ],
)
def test_it_is_written_in_full(tmp_path: Path, head: str, platform: str, full: str) -> None:
    made = Rewriting(tmp_path, f"{head}\nFROM --platform={platform} base\n")
    assert made.begin == f"FROM --platform={full} base"


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7", "$BUILDPLATFORM"])
def test_what_the_engine_knows_stays(tmp_path: Path, platform: str) -> None:
    assert Rewriting(tmp_path, f"FROM --platform={platform} base\n").normal is None


def test_it_does_not_leak_to_later_stages(tmp_path: Path) -> None:
    text = "FROM --platform=linux/s390x base AS a\nFROM a AS b\nFROM base\nCOPY --from=b / /\n"
    made = Rewriting(tmp_path, text)
    assert made.begin == f"FROM --platform={platforms.host()} base"
    assert "FROM a AS b\n" in made.text
    other = Rewriting(tmp_path, text, platform="linux/arm64")
    assert other.begin == "FROM --platform=linux/arm64 base"


@pytest.mark.parametrize("platform", ["", "nonsense", "a/b/c/d", "${P:?no}"])
def test_what_is_no_platform(tmp_path: Path, platform: str) -> None:
    with pytest.raises(ContainerfileError, match="Dockerfile:1:1"):
        Rewriting(tmp_path, f"FROM --platform={platform} base\n")
