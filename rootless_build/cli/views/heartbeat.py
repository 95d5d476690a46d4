"""Signs of life of a run where nothing is shown live: a line after a minute of silence.

Logs of others end a job that says nothing for long, and a person wonders.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from rootless_build.cli.views.closing import View
from rootless_build.cli.views.tables import duration
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    AtWork,
    BuildFinished,
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.text import counted

SILENCE: Final = 60.0
"""Seconds."""


class HeartbeatView:
    """Passes on to a view, which is for one thread at a time, and tells it what is still at work
    when nothing has come for `silence` seconds. What writes to the terminal itself is not silent.
    """

    def __init__(
        self, view: View, silence: float = SILENCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._view = view
        self._silence = silence
        self._clock = clock
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._steps: dict[int, tuple[StepStarted, float]] = {}
        self._own: set[int] = set()
        """Steps in which something else has the terminal."""
        self._heard = clock()
        self._over: threading.Event | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if os.getpid() != self._process:
            self._view(event)
            return
        with self._lock:
            self._heard = self._clock()
            if not isinstance(event, OutputLine | UnfinishedLine | AtWork):
                self._learn(event)
            self._view(event)

    def _learn(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._steps[event.step] = (event, self._clock())
                if event.terminal:
                    self._own.add(event.step)
                self._begin()
            case ScreenOutput():
                self._own.add(event.step)
            case StepFinished():
                self._steps.pop(event.step, None)
                self._own.discard(event.step)
            case BuildFinished():
                self._end()
            case _:
                pass

    def error(self, error: RbuildError) -> None:
        """Show what ended the run."""
        self._end()
        with self._lock:
            self._view.error(error)

    def stopping(self) -> None:
        """A signal ends the run."""
        self._view.stopping()

    def close(self) -> None:
        """Nothing more is shown."""
        self._end()
        self._view.close()

    def _end(self) -> None:
        self._steps = {}
        if self._over is not None:
            self._over.set()
            self._over = None

    def _begin(self) -> None:
        if self._over is None:
            self._over = threading.Event()
            threading.Thread(
                target=self._watch, args=(self._over,), name="rbuild-heartbeat", daemon=True
            ).start()

    def _watch(self, over: threading.Event) -> None:
        waits = self._silence
        while not over.wait(waits):
            with self._lock:
                now = self._clock()
                left = self._heard + self._silence - now
                if left <= 0 and not over.is_set():
                    self._heard = now
                    left = self._silence
                    self._tell(now)
            waits = max(left, 0.001)

    def _tell(self, now: float) -> None:
        if self._own or not self._steps:
            return
        started, since = next(iter(self._steps.values()))
        text = f"still at work on {counted(started.step, started.of)} {started.title}"
        try:
            self._view(Notice(Level.INFO, "still-at-work", f"{text}: {duration(now - since)}"))
        except OSError:
            return  # whoever says something next finds it out
