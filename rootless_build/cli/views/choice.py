"""Which view the user asked for."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from rootless_build.cli import views as package
from rootless_build.cli.views.ci import in_ci
from rootless_build.cli.views.closing import ClosingView, View
from rootless_build.cli.views.heartbeat import HeartbeatView
from rootless_build.cli.views.text import Sink, TextView, Verbosity

if TYPE_CHECKING:
    from rootless_build.cli.views.board import Expected

_BUILDKITS: Final = "BUILDKIT_PROGRESS"
"""The variable by which docker's users say how progress is to be shown."""


def view(
    log_format: str,
    color: str,
    *,
    verbose: bool,
    quiet: bool,
    progress: str | None = None,
    project: Path = Path(),
    expected: Expected = lambda _: None,
) -> View:
    """The view the user asked for, on rbuild's own standard streams. `expected` is for what is
    shown live, and asked when something is.
    """
    if log_format == "json":
        from rootless_build.cli.views.json import JsonView  # noqa: PLC0415 - structlog, for this alone

        return ClosingView(JsonView(sys.stdout))
    progress = progress or os.environ.get(_BUILDKITS) or "auto"
    quiet = quiet or progress == "quiet"
    out, err = (Sink(s.buffer, _columns(s.fileno())) for s in (sys.stdout, sys.stderr))
    level = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL
    is_colored = colored(color, sys.stderr)
    if level is not Verbosity.QUIET and _is_live(progress):
        made = package.live_view.LiveView(
            out,
            err,
            level,
            lambda *given: package.drawing.lines(*given, color=is_colored),
            color=is_colored,
            expected=expected,
        )
        return ClosingView(made)
    one_place = os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    shown = TextView(out, err, level, color=is_colored, one_place=one_place)
    if quiet:
        return ClosingView(shown)
    return ClosingView(HeartbeatView(in_ci(shown, sys.stderr.buffer, project=project)))


def _is_live(progress: str) -> bool:
    """Whether something may change on the screen: not where a program reads the output, which may
    show it on the same terminal (`| tee log`).
    """
    if progress == "plain" or not os.isatty(2):
        return False
    if progress == "tty":
        return True
    if os.environ.get("TERM", "dumb") == "dumb" or "CI" in os.environ:
        return False
    return os.isatty(1) or not stat.S_ISFIFO(os.fstat(1).st_mode)


def _columns(descriptor: int) -> int | None:
    return (os.get_terminal_size(descriptor).columns or 80) if os.isatty(descriptor) else None


def colored(wanted: str, stream: IO[str]) -> bool:
    """NO_COLOR (no-color.org) and TERM=dumb hold unless colour is asked for by name."""
    if wanted != "auto":
        return wanted == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and os.isatty(stream.fileno())
