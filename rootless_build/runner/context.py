"""What every part of a run needs, and what a step came to."""

from __future__ import annotations

import secrets

from msgspec import Struct, field

from rootless_build.backend.api import (
    LABEL_BUILD,
    LABEL_PLAN,
    LABEL_PROCESS,
    LABEL_PROJECT,
    Engine,
)
from rootless_build.backend.cached import RememberingEngine
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.model.events import Emit
from rootless_build.model.plan import Pairs, Plan, digest
from rootless_build.process import identities
from rootless_build.runner.growing_plan import GrowingPlan
from rootless_build.runner.known_images import KnownImages
from rootless_build.runner.options import Options
from rootless_build.runner.run_provenance import RunProvenance


class Outcome(Struct, frozen=True):
    """What a step came to, or all steps of a run together.

    `done` says whether anything had to be; `saved` are the seconds that what was not done, or was
    found in a cache, took an earlier run. `container_left`: one that should be gone is there.
    """

    done: bool = False
    saved: float = 0.0
    container_left: bool = False

    def __add__(self, other: Outcome) -> Outcome:
        """What both steps did, one after the other."""
        return Outcome(
            self.done or other.done,
            self.saved + other.saved,
            self.container_left or other.container_left,
        )


class Context(Struct, frozen=True):
    """One run of one plan. It is made once; `labels` are for the run's containers.

    `possible_engine` is None for a plan that needs none, `freshness` where every step is done.
    """

    plan: GrowingPlan
    possible_engine: RememberingEngine | None
    options: Options
    emit: Emit
    labels: Pairs
    freshness: PlanFreshness | None
    provenance: RunProvenance
    images: KnownImages = field(default_factory=KnownImages)

    @property
    def engine(self) -> RememberingEngine:
        """The engine of a plan that needs one."""
        assert self.possible_engine is not None  # needs_engine() has said so
        return self.possible_engine


def make_context(
    plan: Plan,
    engine: Engine | None,
    options: Options,
    emit: Emit,
    freshness: PlanFreshness | None,
) -> Context:
    """The context of a run that is about to begin."""
    # What takes an engine's time is time in which files change, too.
    changed = freshness.forget if freshness else None
    labels = (
        (LABEL_PROJECT, str(plan.project)),
        (LABEL_BUILD, secrets.token_hex(8)),
        (LABEL_PLAN, digest(plan)),
        (LABEL_PROCESS, identities.of_this()),
    )
    return Context(
        GrowingPlan(plan),
        RememberingEngine(engine, options.images.known, changed) if engine else None,
        options,
        options.mask.emitting(emit),
        labels,
        freshness,
        RunProvenance(options.bundles.attest),
    )
