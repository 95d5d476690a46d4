"""What a run came to, as Markdown for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rootless_build.cli.views.tables import duration, size
from rootless_build.history.record import BundleRecord, RunRecord, StepRecord
from rootless_build.model.text import shell_joined, shown

_MOST = 100
"""Files that are listed."""


def markdown(run: RunRecord) -> str:
    """A heading, how the run ended, its steps with times, and the bundles that are new."""
    return "\n".join([*_head(run), *_steps(run.steps), *_bundles(run.bundles)]) + "\n\n"


def _head(run: RunRecord) -> Iterator[str]:
    command = shell_joined(("rbuild", *run.words)) if run.words else run.title
    yield f"### {_code(command)}"
    yield ""
    if run.outcome is not None:
        ended = "done" if run.outcome.status == 0 else f"failed with status {run.outcome.status}"
        how = ended if run.outcome.done else "nothing changed"
        error = f": {_plain(run.outcome.error)}" if run.outcome.error else ""
        yield f"{how} in {duration(run.outcome.seconds)}, with {_plain(run.backend)}{error}"
        yield ""


def _steps(steps: Sequence[StepRecord]) -> Iterator[str]:
    yield "| step | | time |"
    yield "|---|---|---:|"
    for step in steps:
        came_to = "unchanged" if step.cached else "" if step.status == 0 else "**failed**"
        took = "" if step.seconds is None else duration(step.seconds)
        yield f"| {_code(step.title)} | {came_to} | {took} |"
    yield ""


def _bundles(files: Sequence[BundleRecord]) -> Iterator[str]:
    new = [file for file in files if file.new]
    if not new:
        return
    yield "| file | size | sha256 |"
    yield "|---|---:|---|"
    for file in new[:_MOST]:
        yield f"| {_code(file.path)} | {size(file.size)} | `{file.digest}` |"
    if len(new) > _MOST:
        yield f"| … and {len(new) - _MOST} more | | |"
    yield ""


def _code(text: str) -> str:
    """A text as code in a cell of a table: one line, no end of the code, no end of the cell."""
    line = _line(text).replace("`", "'")
    return f"`{line}`"


def _plain(text: str) -> str:
    """A text in which nothing is markup."""
    line = shown(" ".join(text.split()))
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-!|~&" else c for c in line)


def _line(text: str) -> str:
    return shown(" ".join(text.split())).replace("|", "\\|")
