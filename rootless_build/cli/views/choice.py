"""Which view the user asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from rootless_build.cli.views.ci import in_ci
from rootless_build.cli.views.closing import ClosingView, View
from rootless_build.cli.views.text import Sink, TextView, Verbosity


def view(
    log_format: str, color: str, *, verbose: bool, quiet: bool, project: Path = Path()
) -> View:
    """The view the user asked for, on rbuild's own standard streams."""
    if log_format == "json":
        from rootless_build.cli.views.json import JsonView  # noqa: PLC0415 - structlog, for this alone

        return ClosingView(JsonView(sys.stdout))
    out, err = (Sink(s.buffer, _columns(s.fileno())) for s in (sys.stdout, sys.stderr))
    level = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL
    one_place = os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    shown = TextView(out, err, level, color=colored(color, sys.stderr), one_place=one_place)
    return ClosingView(shown if quiet else in_ci(shown, sys.stderr.buffer, project=project))


def _columns(descriptor: int) -> int | None:
    return (os.get_terminal_size(descriptor).columns or 80) if os.isatty(descriptor) else None


def colored(wanted: str, stream: IO[str]) -> bool:
    """NO_COLOR (no-color.org) and TERM=dumb hold unless colour is asked for by name."""
    if wanted != "auto":
        return wanted == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and os.isatty(stream.fileno())
