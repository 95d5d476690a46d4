"""A run, kept while it happens: its events go into a log, what they come to into a record.

Nothing of it ever fails the run: where it can't be written, that is said once, and no more is kept.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.history import lines, log_files, record
from rootless_build.history.learning import Learner
from rootless_build.history.log_files import LogFiles
from rootless_build.history.record import RunRecord
from rootless_build.model.errors import OutputClosedError, RbuildError
from rootless_build.model.events import Event, OutputLine, ScreenOutput, UnfinishedLine

_HELD_BACK: Final = 64 * 1024
"""Bytes of output that are written together, where much comes."""
_MUCH: Final = 100
"""Lines in a moment."""
_MOMENT: Final = 0.1
"""Seconds after which what was held back is written."""

Warn = Callable[[str], None]


class Writer:
    """Keeps one run. It is told the run's events, and in the end what is known besides."""

    def __init__(
        self, place: Path, begun: RunRecord, release: Callable[[], None], warn: Warn
    ) -> None:
        """`release` is called when the run has ended. Raises OSError."""
        self._place = place
        self._learner = Learner(begun)
        self._release = release
        self._warn = warn
        self._log = _Log(LogFiles(place), self._fail)
        self._is_whole = True
        self._process = os.getpid()

    @property
    def published(self) -> Mapping[str, Path]:
        """Of each file that the run made or changed, the directory of the bundles."""
        return self._learner.published

    @property
    def number(self) -> int:
        """That of the run."""
        return self._learner.number

    @property
    def is_whole(self) -> bool:
        """Whether all of the run is kept as yet."""
        return self._is_whole

    @property
    def log_file(self) -> Path:
        """What was said, or how it begins where that was much."""
        return log_files.first(self._place)

    @property
    def has_steps(self) -> bool:
        """Whether a step has begun."""
        return self._learner.has_steps

    def __call__(self, event: Event) -> None:
        """Keep one event; a fork of this process keeps none."""
        if os.getpid() != self._process:
            # It has the lines that wait too, and a lock that nobody there will open.
            return
        with self._never_failing():
            self._learner(event)
            waits = isinstance(event, OutputLine | ScreenOutput | UnfinishedLine)
            self._log.write(lines.of_event(event), at_once=not waits)

    def error(self, error: RbuildError) -> None:
        """Keep what ended the run."""
        with self._never_failing():
            self._learner.error(error)
            self._log.write(lines.of_error(error), at_once=True)

    def end(
        self, complete: Callable[[RunRecord], RunRecord], ended: str, status: int, seconds: float
    ) -> tuple[RunRecord, bool]:
        """Write the record; the record, and whether all of the run is kept. `complete` adds to it
        what is known besides the events, `ended` is ISO 8601, `status` rbuild's own.
        """
        known = self._learner.ended(ended, status, seconds)
        with self._never_failing():
            known = complete(known)
        with self._never_failing():
            self._log.close()
        try:
            record.write(self._place, known)
        except Exception as error:
            # Without an end it would be taken for one that was killed.
            shutil.rmtree(self._place, ignore_errors=True)
            self._fail(error)
        self._release()
        return known, self._is_whole

    @contextmanager
    def _never_failing(self) -> Iterator[None]:
        """What is kept of a run does not end it, whatever goes wrong here."""
        try:
            yield
        except OutputClosedError:
            raise  # of the view that was to show a warning
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._is_whole:
            self._is_whole = False
            why = (isinstance(error, OSError) and error.strerror) or error
            self._warn(f"this run is not kept for rbuild log: {why}")


class _Log:
    """Hands lines on to the files of a log; a moment's output is written together."""

    def __init__(self, files: LogFiles, fail: Callable[[Exception], None]) -> None:
        self._files = files
        self._fail = fail
        self._lock = threading.RLock()
        self._is_whole = True
        self._waiting: list[bytes] = []
        self._size = 0
        self._later: threading.Timer | None = None
        self._moment = time.monotonic()
        self._lines = 0

    def write(self, line: bytes, *, at_once: bool) -> None:
        """Write a line; where much comes, in a moment, unless `at_once`."""
        with self._lock:
            self._waiting.append(line)
            self._size += len(line)
            if at_once or not self._is_much() or self._size > _HELD_BACK:
                self._write_all()
            elif self._later is None:
                self._later = threading.Timer(_MOMENT, self._write_all)
                self._later.daemon = True
                self._later.start()

    def close(self) -> None:
        """Write what is left. What comes then is not kept."""
        with self._lock:
            self._write_all()
            self._is_whole = False
            self._files.close()

    def _is_much(self) -> bool:
        now = time.monotonic()
        if now - self._moment > _MOMENT:
            self._moment, self._lines = now, 0
        self._lines += 1
        return self._lines > _MUCH

    def _write_all(self) -> None:
        with self._lock:
            text = b"".join(self._waiting)
            self._waiting, self._size = [], 0
            if self._later is not None:
                self._later.cancel()
                self._later = None
            if not text or not self._is_whole:
                return
            try:
                self._files.write(text)
            except OSError as error:
                self._is_whole = False
                self._fail(error)
