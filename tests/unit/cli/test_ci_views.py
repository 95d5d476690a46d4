"""What the log of a CI service gets: steps that fold, an annotation at the line that failed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rootless_build.cli.views.ci import GitHubView, GitLabView, in_ci
from rootless_build.cli.views.ci_summary import markdown
from rootless_build.cli.views.text import Sink, TextView, Verbosity
from rootless_build.history.record import BundleRecord, Outcome, RunRecord, StepRecord
from rootless_build.model.errors import (
    ContainerfileError,
    FailedInstruction,
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.model.events import OutputLine, StepFinished, StepStarted


def _text(stream: io.BytesIO) -> TextView:
    return TextView(Sink(stream), Sink(stream), Verbosity.NORMAL, color=False)


def _github(stream: io.BytesIO, workspace: Path | None = None) -> GitHubView:
    return GitHubView(_text(stream), stream, workspace)


def test_steps_are_groups_that_end() -> None:
    stream = io.BytesIO()
    view = _github(stream)
    view(StepStarted(1, 2, "run-container", "run 100%\nof it"))
    view(OutputLine(1, "stdout", b"out\n"))
    view(StepFinished(1, 2, "run-container", 0, 1.0, cached=True))
    view(StepStarted(2, 2, "run-container", "run more"))
    view.error(StepFailedError("it failed"))
    lines = stream.getvalue().decode().splitlines()
    assert lines[0] == r"::group::[1/2] run 100%25\nof it"
    assert lines.index("out") < lines.index("    unchanged") < lines.index("::endgroup::")
    assert lines.count("::endgroup::") == 2
    assert lines.index("::error title=rbuild::it failed") > len(lines) - 4


def _in_makefile() -> RbuildError:
    error = StepFailedError("make failed with status 2")
    error.where = "step 2 of 2 (Makefile:12)"
    return error


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (ContainerfileError("no such word", "Dockerfile", 3, 5), "file=Dockerfile,line=3,col=5"),
        (
            ImageBuildError(FailedInstruction("RUN false", "hack/a%b,c.Dockerfile:7", 1)),
            "file=hack/a%25b%2Cc.Dockerfile,line=7",
        ),
        (_in_makefile(), "file=Makefile,line=12"),
    ],
)
def test_what_failed_is_shown_at_its_line(error: RbuildError, place: str) -> None:
    stream = io.BytesIO()
    _github(stream).error(error)
    assert stream.getvalue().decode().startswith(f"::error title=rbuild,{place}::")


def test_paths_are_relative_to_the_workspace(tmp_path: Path) -> None:
    stream = io.BytesIO()
    file = tmp_path / "sub" / "Dockerfile"
    _github(stream, tmp_path).error(ContainerfileError("bad", str(file), 1))
    assert b"file=sub/Dockerfile,line=1" in stream.getvalue()


def test_paths_are_those_of_another_project_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}
    view = in_ci(_text(stream), stream, environment, Path("sub"))
    view.error(ContainerfileError("bad", "Dockerfile", 1))
    assert b"file=sub/Dockerfile,line=1" in stream.getvalue()


def test_a_message_cannot_give_a_command() -> None:
    stream = io.BytesIO()
    _github(stream).error(StepFailedError("a\n::set-output name=x::y"))
    first = stream.getvalue().split(b"\n")[0]
    assert first == b"::error title=rbuild::a%0A::set-output name=x::y"


def test_steps_are_sections_of_gitlab() -> None:
    stream = io.BytesIO()
    view = GitLabView(_text(stream), stream, clock=lambda: 7.9)
    view(StepStarted(1, 1, "run-container", "run"))
    view(StepFinished(1, 1, "run-container", 0, 1.0))
    text = stream.getvalue().decode()
    assert text.startswith("\x1b[0Ksection_start:7:rbuild_step_1\r\x1b[0K[1/1] run\n")
    assert text.endswith("\x1b[0Ksection_end:7:rbuild_step_1\r\x1b[0K")


def test_elsewhere_nothing_of_it_is_said() -> None:
    stream = io.BytesIO()
    view = _text(stream)
    assert in_ci(view, stream, {}) is view
    assert in_ci(view, stream, {"GITHUB_ACTIONS": "false", "GITLAB_CI": ""}) is view
    assert isinstance(in_ci(view, stream, {"GITHUB_ACTIONS": "true"}), GitHubView)
    assert isinstance(in_ci(view, stream, {"GITLAB_CI": "true"}), GitLabView)


def test_the_summary_of_a_job_is_a_table_that_no_name_breaks() -> None:
    run = RunRecord(
        1,
        1,
        "rbuild",
        Path("/p"),
        "",
        words=("binary",),
        backend="podman 4.3.1",
        steps=(
            StepRecord(1, "build-image", "build a|b `c`", 0, 1.0, cached=True),
            StepRecord(2, "run-container", "run\nx", 3, 61.0),
        ),
        bundles=(
            BundleRecord("f|g", 2048, "1" * 64, new=True),
            BundleRecord("old", 1, "2" * 64, new=False),
        ),
        outcome=Outcome("", 1, 62.0, error="run <b>x</b> failed"),
    )
    lines = markdown(run).splitlines()
    assert lines[0] == "### `rbuild binary`"
    assert "failed with status 1 in 1 min 02 s" in lines[2]
    assert "<b>" not in lines[2]
    assert "| `build a\\|b 'c'` | unchanged | 1.0 s |" in lines
    assert "| `run x` | **failed** | 1 min 01 s |" in lines
    assert f"| `f\\|g` | 2.0 KiB | `{'1' * 64}` |" in lines
    assert not any("old" in line for line in lines)
