"""Why a step is done, said to whoever wants to know."""

from __future__ import annotations

from rootless_build.freshness.verdict import Dirty
from rootless_build.model.events import Level, StepReporter
from rootless_build.runner.context import Context


def explain(dirty: Dirty, context: Context, reporter: StepReporter) -> None:
    """Tell why a step is done, with `--explain`, else at `-vv` alone."""
    level = Level.INFO if context.options.explain else Level.DETAIL
    reporter.notice("explain", f"because: {dirty.reason}", level)
