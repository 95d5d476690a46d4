"""Docker's classic builder: what is done with it, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder

pytestmark = pytest.mark.parametrize(
    ("backend_name", "variant"),
    [pytest.param("docker", "classic", marks=pytest.mark.xdist_group("docker:classic"))],
    indirect=True,
    scope="session",
)


def result(
    engine: Engine, place: Path, building: RewriteOptions, lines: str, head: str = ""
) -> str:
    """What the build of these lines has left in /o."""
    (place / "context" / "Dockerfile").write_text(f"{head}FROM {BASE}\n{lines}\n")
    (place / "context" / "f").write_text("f\n")
    recorder = Recorder()
    step = BuildImage(place / "context", network="host")
    image = build_image(step, engine, recorder.reporter, building)
    with engine.container(RunContainer("built", ("cat", "/o"), ()), image) as container:
        container.run(recorder.reporter, Stdio.CLOSED)
    recorder.reporter.flush()
    return recorder.stdout.decode()


@pytest.mark.parametrize(
    ("lines", "head", "content"),
    [
        ("COPY --link f /o", "", "f\n"),
        ("COPY <<E /o\n1\nE", "", "1\n"),
        ("COPY --chmod=600 --exclude=g f /o", "", "f\n"),
        ("RUN <<E\nx=1\necho $x > /o\nE", "", "1\n"),
        ('RUN <<E\n#!/bin/awk -f\nBEGIN { print 42 > "/o" }\nE', "", "42\n"),
        ("RUN cat <<E > /o\n'a' b\nE", "", "'a' b\n"),
        ("ARG V=v1.2\nARG W=${V#v}\nRUN echo $W > /o", "", "1.2\n"),
        ("ARG TARGETOS\nARG A\nRUN echo $TARGETOS $A > /o", "ARG A=${X-y}\n", "linux y\n"),
        ("ADD --unpack=false f /o", "", "f\n"),
        # It makes no layer of a RUN that changes nothing (20.10.24).
        ("COPY f /o\nRUN test -f /o\nRUN true\nLABEL a=b", "", "f\n"),
        ("RUN true\nRUN true\nRUN echo 1 > /o\nRUN true\nCOPY f /p", "", "1\n"),
        ("RUN --network=default --security=sandbox echo 1 > /o", "", "1\n"),
    ],
)
def test_what_it_can_do(
    engine: Engine,
    base_image: Image,
    place: Path,
    building: RewriteOptions,
    lines: str,
    head: str,
    content: str,
) -> None:
    assert building.builder.startswith("docker-classic")
    assert result(engine, place, building, lines, head) == content


def test_what_it_can_t_do_is_said_before_it_is_tried(
    engine: Engine, base_image: Image, place: Path, building: RewriteOptions
) -> None:
    with pytest.raises(ContainerfileError) as refused:
        result(engine, place, building, "RUN --mount=type=cache,target=/c true")
    assert refused.value.message.startswith("Dockerfile:2:1: RUN --mount can't be done")
    assert "classic builder" in refused.value.message
    assert "BuildKit" in refused.value.hint
