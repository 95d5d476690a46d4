"""What a call is done with: the engine of the run, and the options of its command line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from rootless_build.backend.api import Engine
from rootless_build.backend.discovery import Choice
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.live.calls import Call
from rootless_build.model.events import Emit
from rootless_build.model.plan import Plan
from rootless_build.runner.journal import Run
from rootless_build.runner.options import Options


class Surroundings(Struct, frozen=True):
    """Of one live run. `shape` is what the command line makes of a plan. `begin` has a call come on
    record as a run of its own beside others in the checkout; `options` and `freshness` are for the
    plan of one call. `prepare` has everything ready that each call would wait for. `may_push`:
    what was built may go to where others get it from.
    """

    project: Path
    engine: Engine
    choice: Choice
    shape: Callable[[Plan], Plan]
    begin: Callable[[str], AbstractContextManager[Run]]
    options: Callable[[Plan, Run], Options]
    freshness: Callable[[Plan], PlanFreshness]
    prepare: Callable[[], None]
    may_push: bool = False


class Work(Struct, frozen=True):
    """A call that is being done, in a process of its own whose standard streams are the caller's.

    `emit` tells the run of it.
    """

    call: Call
    around: Surroundings
    emit: Emit
