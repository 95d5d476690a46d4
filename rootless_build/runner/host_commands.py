"""Commands of a recipe that are done on this host."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.model.events import StepReporter
from rootless_build.model.plan import HostCommand, Step
from rootless_build.process import programs
from rootless_build.runner import failures

Attend = Callable[[HostCommand, StepReporter], int]
"""Runs one and hands its output over; gives its exit status, -N after signal N."""


def attend(step: HostCommand, reporter: StepReporter) -> int:
    """Run it in its shell, and wait for its end."""
    return programs.stream(
        [*step.shell, step.script],
        reporter.output,
        environment=programs.exactly(dict(step.environment)),
        directory=step.directory,
    )


def run_host_command(step: HostCommand, reporter: StepReporter, attend_by: Attend = attend) -> None:
    """Run it, and wait for its end. Raises StepFailedError."""
    status = attend_by(step, reporter)
    reporter.flush()
    if status and not step.ignore_errors:
        raise failures.of_host_command(step, status, reporter.last_words)


def may_change_bundles(step: Step) -> bool:
    """Whether a step may write to the bundles without anybody seeing it; `mkdir` does not."""
    return isinstance(step, HostCommand) and not step.script.lstrip("@-").startswith("mkdir ")
