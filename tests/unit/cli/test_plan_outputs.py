"""What a plan says where the engine's own --output is not what rbuild does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rbuild_docker.backend import DockerBackend
from rbuild_podman.backend import PodmanBackend
from rootless_build.backend.api import EngineSettings
from rootless_build.cli.views.plan import SeenPlan, plan_lines
from rootless_build.model.plan import BuildImage, BuildOutput, Plan

if TYPE_CHECKING:
    from rootless_build.backend.api import Backend

LINKED = "FROM a AS one\nCOPY --link b /\nFROM a\nADD --link b /\nRUN c\n"


@pytest.mark.parametrize(
    ("backend", "target", "outputs", "told"),
    [
        (PodmanBackend(), "one", True, True),
        (PodmanBackend(), None, True, False),
        (PodmanBackend(), "one", False, False),
        (DockerBackend(), "one", True, False),
    ],
    ids=["linked", "another is last", "no files", "docker"],
)
def test_a_last_copy_that_is_linked(
    tmp_path: Path, backend: Backend, target: str | None, *, outputs: bool, told: bool
) -> None:
    (tmp_path / "Dockerfile").write_text(LINKED)
    files = (BuildOutput("local", (("dest", str(tmp_path / "out")),)),) if outputs else ()
    step = BuildImage(tmp_path, target=target, outputs=files)
    plan = Plan(tmp_path, (step,))
    lines = list(
        plan_lines(SeenPlan(plan), backend, EngineSettings(tmp_path, tmp_path), "asked for")
    )
    assert any("may leave out what the last COPY --link makes" in line for line in lines) == told
