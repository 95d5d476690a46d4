"""Metadata that can't be written in the end fail the run, and a failure stays what it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.cli import metadata_file
from rootless_build.cli.app import Rbuild
from rootless_build.model.errors import UsageError


def _command(place: Path) -> Rbuild:
    command = Rbuild("rbuild")
    command.metadata_file = str(place)
    return command


def _remove_directory(place: Path) -> None:
    place.unlink()
    place.parent.rmdir()


def _lead_elsewhere(place: Path) -> None:
    place.parent.rename(place.parent.with_name("moved"))
    place.parent.symlink_to("moved")


@pytest.mark.parametrize("trouble", [_remove_directory, _lead_elsewhere])
@pytest.mark.parametrize(("status", "ended"), [(0, 1), (130, 130)])
def test_what_can_not_be_written_in_the_end_fails_the_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: Callable[[Path], None],
    status: int,
    ended: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "made" / "made.json"
    place.parent.mkdir()
    command = _command(place)

    def work() -> int:
        metadata_file.begin(command)
        assert json.loads(place.read_bytes())["status"] is None
        trouble(place)
        return status

    assert command.attempt(work) == ended
    assert "rbuild: --metadata-file" in capfd.readouterr().err


def test_a_link_leads_to_the_file_that_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place, link = tmp_path / "made.json", tmp_path / "link.json"
    place.write_text("before")
    link.symlink_to(place)
    command = _command(link)

    def work() -> int:
        metadata_file.begin(command)
        return 4

    assert command.attempt(work) == 4
    assert link.is_symlink()
    assert json.loads(place.read_bytes())["status"] == 4


def test_a_place_that_nobody_may_write_to_is_wrong_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is no file"):
        metadata_file.begin(_command(tmp_path))
    with pytest.raises(UsageError, match="there is no directory"):
        metadata_file.begin(_command(tmp_path / "none" / "made.json"))
