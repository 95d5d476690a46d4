"""Kept runs as a person sees them."""

from __future__ import annotations

from pathlib import Path

from rootless_build.cli.views.kept_runs import row, table
from rootless_build.history.record import RunRecord
from rootless_build.history.runs import KeptRun

_BEGUN = RunRecord(1, 1, "rbuild", Path("/p"), "2026-12-01T00:00:00+00:00")


def test_one_long_command_does_not_make_every_row_long(tmp_path: Path) -> None:
    words = ("exec", "--", "sh", "-c", "docker build . ;" * 20)
    long = KeptRun(tmp_path / "1", RunRecord(1, 1, "", Path("/p"), _BEGUN.started, words=words))
    _, shown, other = table([long, KeptRun(tmp_path / "2", _BEGUN)]).splitlines()
    assert "rbuild exec -- sh -c" in shown
    assert max(len(shown), len(other)) < 120
    assert str(row(long)["command"]).count("docker build") == 20
