"""Which builds the engine has to do alone, as rbuild's segments can't yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stage_platforms import platforms_of
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
    variables = {"BUILDPLATFORM": platforms.host(), "TARGETPLATFORM": OTHER}
    return why_not(step, stages, platforms_of(stages, variables, None))


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        (STEP, "FROM x\n", None),
        (BuildImage(HERE, platforms=(platforms.host(),)), "FROM x\n", None),
        (BuildImage(HERE, build_contexts=(("x", "container-image://y"),)), "FROM x\n", None),
        (STEP, "FROM --platform=$BUILDPLATFORM x\n", None),
        (STEP, "FROM --platform=$TARGETPLATFORM x\n", None),
        (STEP, "FROM --platform=no/such/thing/at/all x\n", "a platform that can't be read"),
        (BuildImage(HERE, platforms=(OTHER,)), "FROM x\n", None),
        (BuildImage(HERE, platforms=(platforms.host(), OTHER)), "FROM x\n", "several platforms"),
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
