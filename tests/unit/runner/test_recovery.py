"""What `rbuild clean` takes for abandoned; what it does to engines is in tests/e2e."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from rootless_build.backend.api import (
    LABEL_PROCESS,
    LABEL_PROJECT,
    Engine,
    Leftover,
    LeftoverKind,
)
from rootless_build.process import identities
from rootless_build.runner import recovery
from tests.unit.backend.idle_engine import EngineWith

PROJECT = Path("/project")


@pytest.mark.parametrize("project", [PROJECT, None])
@pytest.mark.parametrize("kind", [LeftoverKind.CONTAINER, LeftoverKind.VOLUME])
@pytest.mark.parametrize(
    ("maker", "found"), [("1.1", True), (identities.of_this(), False)], ids=["dead", "alive"]
)
def test_what_a_run_made_that_lives_stays(
    kind: LeftoverKind, maker: str, project: Path | None, found: bool
) -> None:
    labels = ((LABEL_PROJECT, str(PROJECT)), (LABEL_PROCESS, maker))
    engine = cast("Engine", EngineWith(Leftover(kind, "1", "cache", labels)))
    listed = [remains.what for remains in recovery.labelled(engine, project, {kind})]
    assert listed == ([f"{kind} cache"] if found else [])
