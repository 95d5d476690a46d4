"""`rbuild log`: what a run said, as it said it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from plumbum import cli

from rootless_build.cli.command import Command
from rootless_build.cli.option_types import Number
from rootless_build.cli.own_places import history_directory
from rootless_build.cli.views.kept_log import Teller
from rootless_build.history import log_files
from rootless_build.history.choosing import run_named
from rootless_build.history.lines import DamagedLineError, KeptError, LeftOut, Line, read
from rootless_build.history.runs import KeptRun
from rootless_build.model.errors import InterruptedByUserError, UsageError
from rootless_build.model.events import Level, Notice

_MOMENT: Final = 0.1
"""Seconds between two looks at a log that somebody writes."""


class Log(Command):
    """Show what a run said: the last one, or the one of that number (rbuild history has them).

    A negative number counts from the last one: -1 is the one before it.
    """

    USAGE = "rbuild log [options] [RUN]"
    TAKES_RUNS = True

    step: cli.SwitchAttr[int | None] = cli.SwitchAttr(
        "--step", Number("--step", 1), argname="N", help="only what this step said"
    )
    failed = cli.Flag("--failed", help="the last run that failed, and of it the step that failed")
    follow = cli.Flag("--follow", help="go on while the run does")

    def main(self, *words: str) -> int:
        """Print it."""
        return self.attempt(lambda: self._show(words))

    def _show(self, words: tuple[str, ...]) -> int:
        if len(words) > 1:
            raise UsageError(f"rbuild log takes one run: {' '.join(words)}")
        directory = history_directory(self.project)
        wanted = _has_failed if self.flag("failed") and not words else _any
        run = run_named(directory, words[0] if words else "", wanted)
        step = self._step_of(run)
        teller = Teller(self)
        try:
            for line in self._lines(run):
                if step is None or _is_of(line, step):
                    teller.tell(line)
            teller.end()
        except KeyboardInterrupt:
            # Whoever reads a log stops reading: "interrupted" would be of the run.
            return InterruptedByUserError.exit_code
        self._tell_state(run)
        return 0

    def _tell_state(self, run: KeptRun) -> None:
        """Say of a log that has no end why that is."""
        if run.goes_on:
            text = "this run goes on; --follow shows the rest as it comes"
            self.view(Notice(Level.INFO, "goes-on", text))
        elif run.record is None:
            text = f"the record of this run is {run.problem}"
            self.view(Notice(Level.WARNING, "damaged-record", text))
        elif run.record.outcome is None:
            text = "this run was killed: how it would have ended is not known"
            self.view(Notice(Level.WARNING, "killed", text))

    def _step_of(self, run: KeptRun) -> int | None:
        steps = run.record.steps if run.record else ()
        if self.step is not None or not self.flag("failed"):
            if self.step and steps and self.step not in {step.number for step in steps}:
                numbers = f"they are {steps[0].number} to {steps[-1].number}"
                raise UsageError(f"run {run.number} has no step {self.step}", hint=numbers)
            return self.step
        return next((step.number for step in steps if step.status not in {0, None}), None)

    def _lines(self, run: KeptRun) -> Iterator[Line]:
        damaged = 0
        for text in log_files.read(run.place, self._waiting(run)):
            try:
                yield read(text)
            except DamagedLineError:
                damaged += 1
        if damaged:
            lines = "a line" if damaged == 1 else f"{damaged} lines"
            said = f"{lines} of this log can't be read: damaged, or of a later rbuild"
            self.view(Notice(Level.WARNING, "damaged-log", said))

    def _waiting(self, run: KeptRun) -> Callable[[], bool]:
        if not self.flag("follow"):
            return lambda: False
        ends = iter(_until_over(run))
        return lambda: next(ends, False)


def _until_over(run: KeptRun) -> Iterable[bool]:
    """True while a run goes on, each time after a moment, and once more after its end."""
    goes_on = True
    while goes_on:
        goes_on = run.goes_on
        if goes_on:
            time.sleep(_MOMENT)
        yield True


def _any(_: KeptRun) -> bool:
    return True


def _has_failed(run: KeptRun) -> bool:
    outcome = run.record.outcome if run.record else None
    return outcome is not None and outcome.status not in {0, 130}


def _is_of(line: Line, step: int) -> bool:
    told = line.told
    if isinstance(told, LeftOut):
        return True
    if isinstance(told, KeptError):
        return told.step == step
    return getattr(told, "step", None) == step
