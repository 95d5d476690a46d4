"""What a person sees of a build that rbuild added nothing to but a label."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend import Engine, ImageLabel
from rootless_build.containerfile.building import Building
from rootless_build.events import BuildProgress, BuildState, Event, StepReporter
from rootless_build.normalising import normalised
from rootless_build.plan import BuildImage
from tests.unit.idle_engine import LocalEngine


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
    with normalised(step, engine, inner, Building("podman 4.3.1")) as (same, reporter):
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
