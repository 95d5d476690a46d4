"""A recipe whose plan grows while it is done: what is known late takes its place in it."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.model.errors import RbuildError
from rootless_build.model.plan import Plan, Unexpanded
from rootless_build.process import programs
from rootless_build.recipes import front_ends
from rootless_build.recipes.config import Config
from rootless_build.runner.options import Foreseen


class GrowingRecipe:
    """A recipe and its plan, known in full perhaps only while it is done (`model.plan.Unexpanded`).

    `recipe` is the recipe's own plan; `shape` makes `plan` of it, with all that the command line
    says.
    """

    def __init__(self, config: Config, recipe: Plan, shape: Callable[[Plan], Plan]) -> None:
        self._config = config
        self._recipe = recipe
        self._shape = shape
        self.plan = shape(recipe)

    def expand_all(self, on_output: programs.OnOutput) -> None:
        """Have the plan in full now, whatever its steps will have changed. Raises RecipeError,
        UsageError, StepFailedError.
        """
        while step := next((s for s in self.plan.steps if isinstance(s, Unexpanded)), None):
            self.expand(step, on_output)

    def reshape(self, shape: Callable[[Plan], Plan]) -> None:
        """Make more of the plan than was made so far, and of what it will be."""
        before = self._shape
        self._shape = lambda plan: shape(before(plan))
        self.plan = shape(self.plan)

    def expand(self, step: Unexpanded, on_output: programs.OnOutput) -> Plan:
        """The plan with what the step is now in its place. Raises RecipeError, UsageError."""
        self._recipe = front_ends.expand(self._recipe, step, on_output, self._config)
        self.plan = self._shape(self._recipe)
        return self.plan

    def foreseen(self) -> Foreseen | None:
        """The plan with all its containers known, as they are if nothing is done before them; None
        where that can't be found out without doing anything.
        """
        other = GrowingRecipe(self._config, self._recipe, self._shape)
        steps = other.plan.steps
        while step := next((s for s in steps if isinstance(s, Unexpanded) and s.may_run), None):
            if not step.harmless:
                return None
            try:
                steps = other.expand(step, lambda *_: None).steps
            except RbuildError:
                # It is told when its turn comes.
                return None

        def keep() -> None:
            self._recipe, self.plan = other._recipe, other.plan

        return Foreseen(other.plan, keep)
