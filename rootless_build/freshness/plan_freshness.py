"""Which steps of a plan would come to what is there already, so that they need not be done.

An image build is fresh when the image of its tag was made of the same inputs. The containers of a
plan are fresh when each of them would get what it got in the last run of the same targets, and the
bundles are what that run left.
"""

from __future__ import annotations

from pathlib import Path

from rootless_build.freshness.container_runs import ContainerFreshness
from rootless_build.freshness.image_builds import ImageFreshness
from rootless_build.freshness.records import Records
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.model.plan import Pairs, Plan


class PlanFreshness:
    """The freshness of the steps of one plan, on one engine.

    `engine_parts` are the parts of a fingerprint that stand for the engine; `cache` is the
    project's own directory. `builder` is what builds images (`rootless_build.backend.api.Probe`),
    where it is known. `force` is the option by which the user asks for everything to be done,
    `always` why containers are run whatever they would come to, where the plan does not say that.
    `snapshots` are those that were taken already.
    """

    def __init__(
        self,
        plan: Plan,
        engine_parts: Pairs,
        cache: Path,
        *,
        builder: str = "",
        force: str = "",
        always: str = "",
        snapshots: Snapshots | None = None,
    ) -> None:
        records = Records.load(cache)
        self.forced = bool(force)
        self._snapshots = snapshots or Snapshots(plan, cache)
        self.images = ImageFreshness(
            plan.project, engine_parts, records, self._snapshots, builder=builder, force=force
        )
        self.containers = ContainerFreshness(
            plan, engine_parts, cache, records, force=force or always
        )

    def follow(self, plan: Plan) -> None:
        """Take up another plan, in which more of the steps are known."""
        self.containers.follow(plan)
        self._snapshots.follow(plan)

    def forget(self) -> None:
        """Drop the snapshots: something was done in which files may have changed."""
        self._snapshots.forget()
