"""Commands of a recipe that are done on this host."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from rootless_build.model.events import StepReporter
from rootless_build.model.plan import HostCommand, Step
from rootless_build.process import programs
from rootless_build.runner import failures


class Attended(Struct, frozen=True):
    """How one ended: its exit status, -N after signal N. `called_docker`: this run was docker for
    it, and names of images may be those of others.
    """

    status: int
    called_docker: bool = False


Attend = Callable[[HostCommand, StepReporter], Attended]
"""Runs one and hands its output over."""


def attend(step: HostCommand, reporter: StepReporter) -> Attended:
    """Run it in its shell, and wait for its end."""
    status = programs.stream(
        [*step.shell, step.script],
        reporter.output,
        environment=programs.exactly(dict(step.environment)),
        directory=step.directory,
    )
    return Attended(status)


def run_host_command(
    step: HostCommand, reporter: StepReporter, attend_by: Attend = attend
) -> Attended:
    """Run it, and wait for its end. Raises StepFailedError."""
    ended = attend_by(step, reporter)
    reporter.flush()
    if ended.status and not step.ignore_errors:
        raise failures.of_host_command(step, ended.status, reporter.last_words)
    return ended


def may_change_bundles(step: Step) -> bool:
    """Whether a step may write to the bundles without anybody seeing it; `mkdir` does not."""
    return isinstance(step, HostCommand) and not step.script.lstrip("@-").startswith("mkdir ")
