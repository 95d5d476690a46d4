"""The plan of a run, of which more may become known while it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage, Plan, RunContainer, Step, TagImage, Unexpanded


def builds_of_one_bake(steps: Sequence[Step]) -> int:
    """How many steps, the first ones, are builds of one bake, which may go on at a time."""
    bake = _bake(steps[0]) if steps else ""
    return len(list(takewhile(lambda step: _bake(step) == bake, steps))) if bake else 0


def _bake(step: Step) -> str:
    return step.origin.bake if isinstance(step, BuildImage) and step.origin is not None else ""


class GrowingPlan:
    """`now` is the plan as it is known now; `number` is that of the step whose turn it is, from 1.

    Whoever depends on steps that are still to come watches it.
    """

    def __init__(self, plan: Plan) -> None:
        self.now = plan
        self.number = 1
        self._watchers: list[Callable[[Plan], None]] = []

    @property
    def step(self) -> Step | None:
        """The step whose turn it is; None when all are done."""
        return self.now.steps[self.number - 1] if self.number <= len(self.now.steps) else None

    @property
    def before(self) -> tuple[Step, ...]:
        """The steps that are done."""
        return self.now.steps[: self.number - 1]

    @property
    def containers(self) -> tuple[RunContainer, ...]:
        """All of the plan's containers that are known."""
        return tuple(step for step in self.now.steps if isinstance(step, RunContainer))

    @property
    def last_naming(self) -> int:
        """The number of the last step that may give images names; 0 where none does."""
        naming = (BuildImage, TagImage, Unexpanded)
        places = (n for n, step in enumerate(self.now.steps, 1) if isinstance(step, naming))
        return max(places, default=0)

    def watch(self, watcher: Callable[[Plan], None]) -> None:
        """Call it with the plan whenever more of that is known; it may raise an RbuildError."""
        self._watchers.append(watcher)

    def take(self, plan: Plan) -> None:
        """Go on with another plan, after the steps that are done. Raises an RbuildError."""
        done = self.number - 1
        if plan.steps[:done] != self.now.steps[:done]:
            raise RecipeError(
                "what the line turns out to be changes what an option means for the steps before",
                hint="name the image that -f, --file is for: -f IMAGE=FILE",
            )
        self.now = plan
        for watcher in self._watchers:
            watcher(plan)
