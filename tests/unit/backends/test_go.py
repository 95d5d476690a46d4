"""What podman's program is told of Go."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbuild_podman.connection import environment
from rootless_build.backend.api import EngineSettings

SETTINGS = EngineSettings(Path("/run/own"), Path("/data"))


def test_memory_is_looked_for_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOGC", raising=False)
    assert environment(SETTINGS)["GOGC"] == "400"


def test_the_users_own_word_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOGC", "50")
    assert "GOGC" not in environment(SETTINGS)
