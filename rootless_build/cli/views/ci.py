"""The text view in the log of a CI service: each step is a part that can be folded, and what ended
the run is shown at its line of the project.

GitHub: workflow commands (`::group::`, `::error file=…,line=…::`, as its documentation of 2025 has
them). GitLab: sections (`section_start:TIME:NAME`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from rootless_build.cli.views.closing import View
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Event, StepFinished, StepStarted
from rootless_build.model.text import counted, shown

_PLACE: Final = re.compile(
    r"(?:^|\()(?P<file>[^\s():]+):(?P<line>\d+)(?::(?P<column>\d+))?(?=[:)])"
)

Clock = Callable[[], float]


def in_ci(
    view: View,
    stream: BinaryIO,
    environment: Mapping[str, str] = os.environ,
    project: Path = Path(),
) -> View:
    """The view as the service wants it in whose job this runs; the view itself where none does."""
    if environment.get("GITHUB_ACTIONS") == "true":
        workspace = environment.get("GITHUB_WORKSPACE", "")
        return GitHubView(view, stream, Path(workspace) if workspace else None, project)
    if environment.get("GITLAB_CI") == "true":
        return GitLabView(view, stream)
    return view


class GitHubView:
    """Steps are groups, what ended the run is an annotation."""

    def __init__(
        self, view: View, stream: BinaryIO, workspace: Path | None, project: Path = Path()
    ) -> None:
        """Paths of annotations are relative to the workspace, those of errors to the project."""
        self._view = view
        self._stream = stream
        self._workspace = workspace
        self._project = project
        self._open = False

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepStarted):
            self._close()
            self._command(f"::group::{counted(event.step, event.of)} {_data(shown(event.title))}")
            self._open = True
        self._view(event)
        if isinstance(event, StepFinished):
            self._close()

    def error(self, error: RbuildError) -> None:
        """Show what ended the run, outside of every group."""
        self._close()
        self._command(f"::error {self._place(error)}::{_data(error.message)}")
        self._view.error(error)

    def stopping(self) -> None:
        """A signal ends the run."""
        self._view.stopping()

    def close(self) -> None:
        """Nothing more is shown."""
        self._view.close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._command("::endgroup::")

    def _place(self, error: RbuildError) -> str:
        found = _PLACE.search(error.message) or _PLACE.search(error.where)
        properties = {"title": "rbuild"}
        if found is not None:
            named = found.groupdict()
            properties["file"] = self._relative(named["file"])
            properties["line"] = named["line"]
            if named["column"]:
                properties["col"] = named["column"]
        return ",".join(f"{name}={_property(value)}" for name, value in properties.items())

    def _relative(self, file: str) -> str:
        path = self._project.resolve() / file
        workspace = self._workspace and self._workspace.resolve()
        if workspace is not None and path.is_relative_to(workspace):
            return str(path.relative_to(workspace))
        return file

    def _command(self, text: str) -> None:
        self._stream.write(text.encode(errors="backslashreplace") + b"\n")
        self._stream.flush()


class GitLabView:
    """Steps are sections."""

    def __init__(self, view: View, stream: BinaryIO, clock: Clock = time.time) -> None:
        self._view = view
        self._stream = stream
        self._clock = clock
        self._open = ""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, StepStarted):
            self._close()
            self._open = f"rbuild_step_{event.step}"
            self._mark("start", f"{counted(event.step, event.of)} {shown(event.title)}\n")
        self._view(event)
        if isinstance(event, StepFinished):
            self._close()

    def error(self, error: RbuildError) -> None:
        """Show what ended the run, outside of every section."""
        self._close()
        self._view.error(error)

    def stopping(self) -> None:
        """A signal ends the run."""
        self._view.stopping()

    def close(self) -> None:
        """Nothing more is shown."""
        self._view.close()

    def _close(self) -> None:
        if self._open:
            self._mark("end", "")
            self._open = ""

    def _mark(self, which: str, title: str) -> None:
        now = int(self._clock())
        text = f"\x1b[0Ksection_{which}:{now}:{self._open}\r\x1b[0K{title}"
        self._stream.write(text.encode(errors="backslashreplace"))
        self._stream.flush()


def _data(text: str) -> str:
    """A text in a workflow command: on one line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
