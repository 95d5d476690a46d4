"""`docs/live-view.svg`: a terminal on which a build is at work, as the live view shows it.

    python -m tests.docs.live_picture

writes it anew. What is on the terminal is what the view writes, for events such as a build has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from pyte.screens import Char

from rootless_build.cli.views import drawing
from rootless_build.cli.views.live_view import LiveView
from rootless_build.cli.views.text import Sink, Verbosity
from rootless_build.model.events import (
    AtWork,
    BackendChosen,
    BuildProgress,
    BuildState,
    Event,
    OutputLine,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from tests.unit.cli.pseudo_terminal import Terminal, terminal

PICTURE: Final = Path(__file__).parents[2] / "docs" / "live-view.svg"
_COLUMNS, _ROWS = 90, 17
_WIDTH, _HEIGHT, _EDGE = 8.4, 19, 14
"""Of a character, and around all, in pixels."""
_COLORS: Final = {
    "default": "#d8dee4",
    "cyan": "#56d4dd",
    "green": "#3fb950",
    "brightblack": "#6e7681",
    "red": "#ff7b72",
}
_CACHED: Final = ("FROM golang:1.22", "WORKDIR /src", "COPY go.mod .", "RUN go mod download")


def _events() -> Iterator[Event | float]:
    """What happens, and how many seconds pass meanwhile."""
    yield BackendChosen("podman", "4.3.1", "first choice")
    yield StepStarted(1, 3, "build-image", "build client, image example/client:dev", "client")
    for number, text in enumerate(_CACHED, 1):
        yield BuildProgress(1, number, 6, text, BuildState.STARTED, "build")
        yield BuildProgress(1, number, 6, text, BuildState.CACHED, "build")
    yield AtWork(1, 5, 6, "RUN go build ./cmd/client", "build")
    yield BuildProgress(1, 5, 6, "RUN go build ./cmd/client", BuildState.STARTED, "build")
    yield AtWork(2, of_steps=3, name="server")
    yield 31.0
    for package in ("archive", "images", "storage", "transport"):
        yield OutputLine(1, "stderr", f"example.org/client/{package}\n".encode())
    yield AtWork(2, 4, 5, "RUN apt-get install -y --no-install-recommends libseccomp-dev", "deps")
    yield 12.0
    yield UnfinishedLine(1, b"linking  10 %\rlinking  64 %\r")


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make() -> str:
    """The picture."""
    clock = _Clock()
    with terminal(_COLUMNS, _ROWS) as screen, os.fdopen(os.dup(screen.descriptor), "wb", 0) as out:
        sink = Sink(out, _COLUMNS)
        view = LiveView(
            sink,
            sink,
            Verbosity.NORMAL,
            lambda *given: drawing.lines(*given, color=True),
            color=True,
            expected=lambda title: 72.0 if "client" in title else None,
            clock=clock,
        )
        for happens in _events():
            if isinstance(happens, float):
                clock.now += happens
            else:
                view(happens)
        screen.shows("linking  64 %")
        made = _svg(screen)
        view(StepFinished(1, 3, "build-image", 0, clock.now))
        view.close()
    return made


def _svg(screen: Terminal) -> str:
    rows = [
        [line[column] for column in range(_COLUMNS)]
        for line in (screen.screen.buffer[row] for row in range(len(screen.lines)))
    ]
    width, height = _COLUMNS * _WIDTH + 2 * _EDGE, len(rows) * _HEIGHT + 2 * _EDGE
    texts = "".join(_row(row, _EDGE + (number + 0.75) * _HEIGHT) for number, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        'role="img" aria-label="A terminal on which two builds are at work">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>\n'
        f'<g font-family="monospace" font-size="14">\n{texts}</g>\n</svg>\n'
    )


def _row(row: list[Char], y: float) -> str:
    """A word at a time: what draws the picture may take the spaces between them for one."""
    made, column = "", 0
    for (color, bold, is_space), group in groupby(
        row, lambda each: (each.fg, each.bold, each.data == " ")
    ):
        text = "".join(each.data for each in group)
        if not is_space:
            x, length = _EDGE + column * _WIDTH, len(text) * _WIDTH
            weight = ' font-weight="bold"' if bold else ""
            fill = _COLORS.get(color, _COLORS["default"])
            made += (
                f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" fill="{fill}"{weight}>{escape(text)}</text>\n'
            )
        column += len(text)
    return made


if __name__ == "__main__":
    PICTURE.write_text(make(), encoding="utf-8")
