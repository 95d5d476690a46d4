"""The limits of containers and builds that can be had on this host."""

from __future__ import annotations

import os

from rootless_build.backend.api import Engine
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import Limits
from rootless_build.process import ulimits


def possible_limits(limits: Limits, engine: Engine, reporter: StepReporter) -> Limits:
    """The limits, lowered to what this process has, and told where one is.

    A daemon of root's own can give more than that.
    """
    if not limits.ulimits or engine.remote:
        return limits
    if os.getuid() != 0 and not engine.rootless:
        return limits
    limits, lowered = ulimits.possible(limits)
    for words in lowered:
        reporter.notice("lowered", words)
    return limits
