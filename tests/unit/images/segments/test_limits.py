"""Which builds the engine has to do alone, as rbuild's segments can't yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Given, split
from rootless_build.images.segments.limits import why_not
from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage

OTHER = "linux/s390x" if platforms.host() != "linux/s390x" else "linux/amd64"
HERE = Path("/context")
STEP = BuildImage(HERE)


def reason(step: BuildImage, text: str = "FROM x\n") -> str | None:
    """Why the whole file can't be built so."""
    _, stages = split(parse(text), Given({}, {}))
    return why_not(step, stages, {"BUILDPLATFORM": platforms.host(), "TARGETPLATFORM": OTHER})


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        (STEP, "FROM x\n", None),
        (BuildImage(HERE, platforms=(platforms.host(),)), "FROM x\n", None),
        (BuildImage(HERE, build_contexts=(("x", "container-image://y"),)), "FROM x\n", None),
        (STEP, "FROM --platform=$BUILDPLATFORM x\n", None),
        (STEP, "FROM --platform=$TARGETPLATFORM x\n", "a stage of another platform"),
        (STEP, "FROM --platform=no/such/thing/at/all x\n", "a platform that can't be read"),
        (BuildImage(HERE, platforms=(OTHER,)), "FROM x\n", "another platform"),
        (BuildImage(HERE, squash=True), "FROM x\n", "--squash"),
        (
            BuildImage(HERE, build_contexts=(("c", "https://x/y.git"),)),
            "FROM x\n",
            "a build context that is no directory and no image",
        ),
    ],
)
def test_what_is_left_to_the_engine(step: BuildImage, text: str, expected: str | None) -> None:
    assert reason(step, text) == expected
