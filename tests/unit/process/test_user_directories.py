"""The user's directories are where the variables of XDG say, if that is a place at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.cli import own_places
from rootless_build.process import user_directories

USUAL = {
    "data": ("XDG_DATA_HOME", "/home/me/.local/share"),
    "state": ("XDG_STATE_HOME", "/home/me/.local/state"),
    "cache": ("XDG_CACHE_HOME", "/home/me/.cache"),
    "config": ("XDG_CONFIG_HOME", "/home/me/.config"),
    "runtime": ("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}"),
}


@pytest.mark.parametrize("which", USUAL)
@pytest.mark.parametrize("value", [None, "", "here", "./here", "~/here"])
def test_a_variable_that_names_no_place_counts_as_unset(which: str, value: str | None) -> None:
    variable, usual = USUAL[which]
    environment = {"HOME": "/home/me"} | ({} if value is None else {variable: value})
    assert getattr(user_directories, which)(environment) == Path(usual)


@pytest.mark.parametrize("which", USUAL)
def test_a_variable_names_the_place(which: str) -> None:
    environment = {"HOME": "/home/me", USUAL[which][0]: "/elsewhere"}
    assert getattr(user_directories, which)(environment) == Path("/elsewhere")


def test_records_and_locks_do_not_go_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, "relative")
    before = (own_places.own_directories(), own_places.images_directory())
    monkeypatch.chdir(tmp_path)
    assert (own_places.own_directories(), own_places.images_directory()) == before
    assert all(place.is_absolute() for place in before[0])
