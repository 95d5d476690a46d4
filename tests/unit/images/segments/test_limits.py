"""What no build in segments can do, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stage_platforms import platforms_of
from rootless_build.images.containerfile.stages import Given, split
from rootless_build.images.segments.limits import check
from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError, RbuildError, RecipeError
from rootless_build.model.plan import BuildImage

OTHER = "linux/s390x" if platforms.host() != "linux/s390x" else "linux/amd64"
HERE = Path("/context")
STEP = BuildImage(HERE)


def refuse(step: BuildImage, text: str = "FROM x\n", *, classic: bool = False) -> None:
    """Raise what is said of the whole file."""
    file = parse(text)
    _, stages = split(file, Given({}, {}))
    variables = {"BUILDPLATFORM": platforms.host(), "TARGETPLATFORM": OTHER}
    check(step, file, stages, platforms_of(stages, variables, None), classic=classic)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (STEP, "FROM x\n"),
        (BuildImage(HERE, platforms=(platforms.host(),)), "FROM x\n"),
        (BuildImage(HERE, build_contexts=(("x", "container-image://y"),)), "FROM x\n"),
        (BuildImage(HERE, build_contexts=(("x", "https://h/y.git"),)), "FROM x\n"),
        (BuildImage(HERE, build_contexts=(("x", "https://h/y.tar"),)), "FROM x\n"),
        (BuildImage(HERE, build_contexts=(("x", "/"),)), "FROM x\n"),
        (STEP, "FROM --platform=$BUILDPLATFORM x\n"),
        (STEP, "FROM --platform=$TARGETPLATFORM x\n"),
        (BuildImage(HERE, platforms=(OTHER,)), "FROM x\n"),
        (BuildImage(HERE, squash=True), "FROM x\n"),
    ],
)
def test_what_is_built(step: BuildImage, text: str) -> None:
    refuse(step, text)


@pytest.mark.parametrize(
    ("step", "text", "expected"),
    [
        (STEP, "FROM x\nFROM --platform=no/such/thing/at/all x\n", "2:1: --platform=no/such"),
        (BuildImage(HERE, platforms=(platforms.host(), OTHER)), "FROM x\n", "one platform"),
        (BuildImage(HERE, build_contexts=(("c", "oci-layout://x"),)), "FROM x\n", "oci-layout"),
        (BuildImage(HERE, build_contexts=(("c", "/no/such"),)), "FROM x\n", "is no directory"),
    ],
)
def test_what_is_refused(step: BuildImage, text: str, expected: str) -> None:
    with pytest.raises(RbuildError, match=expected):
        refuse(step, text)


def test_a_context_that_is_nothing_is_told_what_it_can_be() -> None:
    with pytest.raises(RecipeError) as refused:
        refuse(BuildImage(HERE, build_contexts=(("c", "oci-layout://x"),)))
    assert "docker-image://" in refused.value.hint


def test_the_classic_builder_has_no_mounts() -> None:
    text = "FROM x\nRUN --mount=target=/c true\n"
    refuse(STEP, text)
    with pytest.raises(ContainerfileError, match="2:1: RUN --mount can't be done"):
        refuse(STEP, text, classic=True)
