"""Builds for several platforms go side by side where none takes another one's base image."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.platform_bases import do_not_depend
from rootless_build.model.plan import BuildImage
from rootless_build.model.platform_builds import builds_of


@pytest.mark.parametrize(
    ("text", "free"),
    [
        ("FROM scratch\nCOPY f /\n", True),
        ("FROM --platform=$BUILDPLATFORM golang AS b\nFROM scratch\nCOPY --from=b /f /\n", True),
        ("FROM localhost/base\n", True),
        ("FROM alpine\n", False),
        ("FROM --platform=$BUILDPLATFORM alpine AS b\nFROM alpine\nCOPY --from=b /f /\n", False),
        ("FROM scratch\nCOPY --from=alpine /f /\n", False),
        ("FROM --platform=$BUILDPLATFORM a AS b\nCOPY --from=a /f /\nFROM scratch AS c\n", True),
        ("FROM alpine AS unused\nFROM scratch\nCOPY f /\n", True),
        # Only an engine knows which image that is.
        ("FROM scratch\nARG I\nCOPY --from=$I /f /\n", False),
    ],
)
def test_platforms_depend_on_each_other_by_names_of_images(
    tmp_path: Path, text: str, free: bool
) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    step = BuildImage(
        tmp_path,
        tmp_path / "Dockerfile",
        tags=("app",),
        platforms=("linux/amd64", "linux/s390x"),
    )
    assert do_not_depend(builds_of(step)) is free
