"""A user of 0.1.0 takes this version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.freshness.records import cache_directory
from tests.e2e.driver import Rbuild
from tests.upgrade_home import KEY, left_by_0_1_0


@pytest.mark.in_ci("podman")
def test_one_build_at_most_is_done_again(rbuild: Rbuild, tmp_path: Path) -> None:
    home = left_by_0_1_0(tmp_path / "home")
    # What 0.1.0 knew of a checkout elsewhere is what it knows of this one.
    known = cache_directory(rbuild.project.resolve(), home / "cache")
    (home / "cache/rbuild/projects" / KEY).rename(known)
    places = {"XDG_CACHE_HOME": str(home / "cache"), "XDG_STATE_HOME": str(home / "state")}
    upgraded = replace(rbuild, environment={**rbuild.environment, **places})
    first = upgraded()
    assert first.returncode == 0, first.stderr
    second = upgraded()
    assert second.returncode == 0, second.stderr
    assert "nothing changed" in second.stdout + second.stderr
    cleaned = upgraded("clean", "--everywhere", "--images", "--volumes", "--dry-run")
    assert cleaned.returncode == 0, cleaned.stderr
    assert f"directory {home / 'cache/rbuild'}" in cleaned.stdout
