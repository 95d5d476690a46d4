"""Docker's classic builder: what can be rewritten for it, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder

pytestmark = pytest.mark.parametrize(
    "backend_name",
    [pytest.param("docker", marks=pytest.mark.xdist_group("docker"))],
    indirect=True,
    scope="session",
)


@pytest.fixture
def classic(building: RewriteOptions, monkeypatch: pytest.MonkeyPatch) -> RewriteOptions:
    """The classic builder, whichever others this docker has."""
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    _, _, version = building.builder.partition(" ")
    return RewriteOptions(f"docker-classic {version or '20.10'}", building.data)


def result(engine: Engine, place: Path, classic: RewriteOptions, lines: str, head: str = "") -> str:
    """What the build of these lines has left in /o."""
    (place / "context" / "Dockerfile").write_text(f"{head}FROM {BASE}\n{lines}\n")
    (place / "context" / "f").write_text("f\n")
    recorder = Recorder()
    step = BuildImage(place / "context", network="host")
    with rewrite_build(step, engine, recorder.reporter, classic) as (known, reporter):
        image = engine.build_image(known, reporter)
    with engine.container(RunContainer("built", ("cat", "/o"), ()), image) as container:
        container.run(recorder.reporter, Stdio.CLOSED)
    recorder.reporter.flush()
    return recorder.stdout.decode()


@pytest.mark.parametrize(
    ("lines", "head", "content"),
    [
        ("COPY --link f /o", "", "f\n"),
        ("RUN <<E\nx=1\necho $x > /o\nE", "", "1\n"),
        ('RUN <<E\n#!/bin/awk -f\nBEGIN { print 42 > "/o" }\nE', "", "42\n"),
        ("RUN cat <<E > /o\n'a' b\nE", "", "'a' b\n"),
        ("ARG V=v1.2\nARG W=${V#v}\nRUN echo $W > /o", "", "1.2\n"),
        ("ARG TARGETOS\nARG A\nRUN echo $TARGETOS $A > /o", "ARG A=${X-y}\n", "linux y\n"),
        ("ADD --unpack=false f /o", "", "f\n"),
        ("RUN --network=default --security=sandbox echo 1 > /o", "", "1\n"),
    ],
)
def test_what_it_can_do(
    engine: Engine,
    base_image: Image,
    place: Path,
    classic: RewriteOptions,
    lines: str,
    head: str,
    content: str,
) -> None:
    assert result(engine, place, classic, lines, head) == content


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("RUN --mount=type=cache,target=/c true", "RUN --mount can't be done"),
        ("COPY <<E /o\n1\nE", "can't be given to the build"),
        ("COPY --chmod=600 f /o", "--chmod can't be done"),
        ("COPY --exclude=x . /o", "can't be given to the build"),
        ("ADD https://nowhere.invalid/x.git /o", "can't be given to the build"),
    ],
)
def test_what_it_can_t_do_is_said_before_it_is_tried(
    engine: Engine, base_image: Image, place: Path, classic: RewriteOptions, line: str, what: str
) -> None:
    with pytest.raises(ContainerfileError) as refused:
        result(engine, place, classic, line)
    assert refused.value.message.startswith("Dockerfile:2:1: ")
    assert what in refused.value.message
    assert "classic builder" in refused.value.message
