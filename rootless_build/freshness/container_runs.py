"""Whether the containers of a plan have to be run, and the record of what they were run with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Image
from rootless_build.freshness import container_writes, fingerprints
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.freshness.records import Made, Records
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.model import mounts
from rootless_build.model.plan import Pairs, Plan, RemoveVolume, RunContainer, Unexpanded

_NOT_KNOWN: Final = "it is not known yet which containers follow"
_NO_BUNDLES: Final = "it makes no bundles"


class ContainerFreshness:
    """The freshness of the containers of one plan, on one engine: all of them are run, or none
    (`rootless_build.freshness.plan_freshness`).
    """

    def __init__(
        self, plan: Plan, engine_parts: Pairs, cache: Path, records: Records, *, force: str = ""
    ) -> None:
        self._plan = plan
        self._engine_parts = engine_parts
        self._cache = cache
        self._records = records
        self._force = force

    def follow(self, plan: Plan) -> None:
        """Take up another plan, in which more of the steps are known."""
        self._plan = plan

    def judge(self, find: Callable[[RunContainer], Image | None], *, piped: bool) -> Verdict:
        """Whether the containers of the plan have to be run.

        `find` looks for a container's image in storage. `piped`: standard input is a pipe.
        """
        reason = self._force or _why_always(self._plan, piped=piped)
        if reason:
            return Dirty(reason)
        before = self._records.runs.get(_record_key(self._plan))
        if before is None:
            return Dirty("no earlier run is on record, or what it reads changed meanwhile")
        reason = self._why_other_inputs(before, find) or self._why_other_bundles(before)
        return Dirty(reason) if reason else Fresh(before.seconds)

    def begin(self) -> ContainerRuns | None:
        """The record of a run whose first container is about to start; None where it is worth none.

        A plan that is not known to its end may yet be worth one.
        """
        if not (self.may_be_fresh() or self.waits()):
            return None
        return ContainerRuns(self, _record_key(self._plan) in self._records.runs)

    def must_run(self) -> bool:
        """Whether the containers are run whatever they would come to."""
        return bool(self._force) or not self.may_be_fresh()

    def may_be_fresh(self) -> bool:
        """Whether a later run may find these containers fresh."""
        return not _why_always(self._plan, piped=False)

    def waits(self) -> bool:
        """Whether nothing but what is not known yet keeps it from telling."""
        return _why_always(self._plan, piped=False) == _NOT_KNOWN

    def cold_seconds(self) -> float:
        """The seconds that the containers took with empty caches; 0 when nobody knows."""
        return self._records.cold.get(_record_key(self._plan), 0.0)

    def keep_cold_seconds(self, seconds: float) -> None:
        """Put down what the containers took with empty caches."""
        self._records.cold[_record_key(self._plan)] = seconds
        self._records.save()

    def fingerprint(self, step: RunContainer, image: Image) -> Fingerprint | Unknown:
        """What goes into a container now."""
        if self._plan.bundles is None:
            return Unknown(_NO_BUNDLES)
        made = fingerprints.of_run(step, image, self._cache, self._plan.bundles.directory)
        return made if isinstance(made, Unknown) else made.plus(self._engine_parts)

    def bundles_digest(self) -> str | Unknown:
        """What stands for the bundles as they are."""
        if self._plan.bundles is None:
            return Unknown(_NO_BUNDLES)
        return fingerprints.of_bundles(self._plan.bundles.directory, self._cache)

    def keep(self, made: Made) -> None:
        """Put down a run of all containers that ended well."""
        self._records.keep_run(_record_key(self._plan), made)

    def _why_other_inputs(self, before: Made, find: Callable[[RunContainer], Image | None]) -> str:
        """What goes into the containers that did not before; empty for nothing."""
        containers = _containers(self._plan)
        if len(before.parts) != len(containers):
            return "the recipe has other containers"
        pairs = zip(containers, before.parts, strict=True)
        reasons = (self._why_other_input(step, parts, find(step)) for step, parts in pairs)
        return next(filter(None, reasons), "")

    def _why_other_input(
        self, step: RunContainer, parts: Mapping[str, str], image: Image | None
    ) -> str:
        if image is None:
            return f"the image {step.image} is not in storage"
        made = self.fingerprint(step, image)
        return made.reason if isinstance(made, Unknown) else made.differs(parts)

    def _why_other_bundles(self, before: Made) -> str:
        """Why the bundles are not those of the run before; empty where they are."""
        bundles = self.bundles_digest()
        if isinstance(bundles, Unknown):
            return bundles.reason
        return "" if bundles == before.bundles else "the bundles are not as that run left them"


class ContainerRuns(Struct):
    """The record of a plan's containers while they run. It is kept only where all that went into
    them is certain.
    """

    _freshness: ContainerFreshness
    _known: bool
    """Whether the containers are on record: each has made bundles before."""
    _parts: list[Mapping[str, str]] = []
    _seconds: float = 0.0
    _certain: bool = True
    _before: Fingerprint | None = None
    _step: RunContainer | None = None
    _started: int = 0

    def start(self, step: RunContainer, image: Image) -> None:
        """Take note of a container that is about to run."""
        self._step, self._started = step, container_writes.now()
        before = self._freshness.fingerprint(step, image)
        if isinstance(before, Unknown):
            self._certain = False
        else:
            self._before = before

    def end(self, step: RunContainer, image: Image, seconds: float) -> None:
        """Take note of a container that ended well, its bundles published.

        What it could read must be as it was before: it may have read what was there in between.
        """
        self._seconds += seconds
        if self._before is None or not self._certain:
            return
        after = self._freshness.fingerprint(step, image)
        if isinstance(after, Unknown):
            self._certain = False
            return
        self._certain = after.digest == self._before.digest
        self._parts.append(dict(after.parts))

    def note_nothing_written(self) -> None:
        """The container that was started last wrote no bundles, although it could have."""
        if self._certain and not self._known and self._step is not None:
            self._certain = container_writes.has_written(self._step, self._started)

    def note_typed_keys(self) -> None:
        """What the containers made depends on what nobody looks at: keys that were typed."""
        self._certain = False

    def finish(self) -> None:
        """Keep the record of containers that have all ended well, if it is worth it."""
        if not self._certain or not self._freshness.may_be_fresh():
            return
        bundles = self._freshness.bundles_digest()
        if isinstance(bundles, str):
            self._freshness.keep(Made(tuple(self._parts), bundles, self._seconds))


def _why_always(plan: Plan, *, piped: bool) -> str:
    """Why the containers are run whatever they would come to; empty where they are not."""
    containers = _containers(plan)
    always = next((step for step in containers if step.always), None)
    if always is not None:
        target = always.origin.target if always.origin else ""
        return f"the target {target} is always run" if target else "it is always run"
    if piped and any(step.interactive for step in containers):
        return "it reads standard input"
    bundles = plan.bundles
    if bundles is None or not all(mounts.makes_bundles(step, bundles) for step in containers):
        return _NO_BUNDLES
    places = [n for n, step in enumerate(plan.steps) if isinstance(step, RunContainer)]
    between = plan.steps[places[0] : places[-1]]
    if any(not isinstance(step, RunContainer) for step in between):
        return "the recipe does something else between its containers"
    return _why_not_told(plan)


def _why_not_told(plan: Plan) -> str:
    """Why nobody can tell what containers would come to; empty where one can."""
    if any(isinstance(step, RemoveVolume) for step in plan.steps):
        return "the recipe removes volumes"
    if any(isinstance(step, Unexpanded) and step.may_run for step in plan.steps):
        return _NOT_KNOWN
    return ""


def _containers(plan: Plan) -> list[RunContainer]:
    return [step for step in plan.steps if isinstance(step, RunContainer)]


def _record_key(plan: Plan) -> str:
    """What the containers of a plan are on record under: `rbuild` and `rbuild binary` may be the
    same; other variables are a change of the same.
    """
    return json.dumps([plan.recipe, [(step.image, step.command) for step in _containers(plan)]])
