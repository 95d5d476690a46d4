"""What a person sees of a build that rbuild added nothing to but a label."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend.api import Engine, ImageLabel
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import rewrite_build
from rootless_build.model.events import BuildProgress, BuildState, Event, StepReporter
from rootless_build.model.plan import BuildImage
from tests.unit.backend.idle_engine import LocalEngine


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("FROM scratch\nCOPY a /a\n", None),
        ("FROM scratch AS one\nCOPY a /b\nCOPY a /c\nFROM scratch\nCOPY --from=one /b /\n", "2/2"),
    ],
)
def test_the_label_is_no_instruction_of_the_users(
    tmp_path: Path, text: str, stage: str | None
) -> None:
    (tmp_path / "Dockerfile").write_text(text)
    events: list[Event] = []
    inner = StepReporter(events.append, 1)
    name, value = ImageLabel("/project").pair
    engine = cast("Engine", LocalEngine())
    step = BuildImage(tmp_path)
    with rewrite_build(step, engine, inner, RewriteOptions("podman 4.3.1")) as (same, reporter):
        assert same == step
        last = text.splitlines()[-1]
        for number, line in enumerate(("FROM scratch", last, f'LABEL "{name}"="{value}"'), 1):
            reporter.instruction(number, 3, line, stage=stage)
        reporter.instruction_done()
    shown = [
        (event.number, event.of, event.instruction, event.state)
        for event in events
        if isinstance(event, BuildProgress)
    ]
    assert shown == [
        (1, 2, "FROM scratch", BuildState.STARTED),
        (1, 2, "FROM scratch", BuildState.DONE),
        (2, 2, last, BuildState.STARTED),
        (2, 2, last, BuildState.DONE),
    ]


def test_of_a_stage_that_is_built_alone_engines_do_not_say_which_it_is(tmp_path: Path) -> None:
    """podman 4.3.1 and buildah 1.28.2 print `STEP 1/2`."""
    (tmp_path / "Dockerfile").write_text("FROM x AS one\nRUN a\nFROM y AS Two\nRUN b\nFROM z\n")
    events: list[Event] = []
    inner = StepReporter(events.append, 1)
    engine = cast("Engine", LocalEngine())
    step = BuildImage(tmp_path, target="two")
    with rewrite_build(step, engine, inner, RewriteOptions("podman 4.3.1")) as (_, reporter):
        reporter.instruction(1, 2, "FROM localhost/y AS two")
        reporter.instruction(2, 2, "RUN b")
    seen = [
        (event.stage, event.instruction) for event in events if isinstance(event, BuildProgress)
    ]
    assert seen[0] == ("two", "FROM y AS Two")
    assert seen[-1] == ("two", "RUN b")


@pytest.mark.parametrize("flag", ["", "--link "], ids=["as it is", "rewritten"])
def test_stages_have_the_names_that_buildkit_shows(tmp_path: Path, flag: str) -> None:
    """Source: `docker buildx build --progress plain`: `[base 1/2]`, `[stage-1 2/2]`."""
    text = f"FROM scratch AS Base\nCOPY {flag}a /b\nFROM scratch\nCOPY --from=base /b /\n"
    (tmp_path / "Dockerfile").write_text(text)
    events: list[Event] = []
    inner = StepReporter(events.append, 1)
    engine = cast("Engine", LocalEngine())
    with rewrite_build(BuildImage(tmp_path), engine, inner, RewriteOptions("podman 4.3.1")) as (
        _,
        reporter,
    ):
        for stage in ("1/2", "2/2"):
            for number in (1, 2):
                reporter.instruction(number, 2, "FROM scratch", stage=stage)
    seen = [
        (event.stage, event.number, event.of)
        for event in events
        if isinstance(event, BuildProgress) and event.state is BuildState.STARTED
    ]
    assert seen == [("base", 1, 2), ("base", 2, 2), ("stage-1", 1, 2), ("stage-1", 2, 2)]
