"""What a run does once, when the first of its steps turns out to need doing."""

from __future__ import annotations

import threading

from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.process import stops
from rootless_build.runner import foreign_platforms
from rootless_build.runner.context import Context
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.titles import title


class Preparation:
    """Says what can't be done before an image is built for it, and wakes the engine."""

    def __init__(self, context: Context, publisher: Publisher) -> None:
        self._context = context
        self._publisher = publisher
        self._lock = threading.Lock()
        self._is_made = False

    def prepare(self, *, settled: bool = True) -> None:
        """Get ready: something will be done. Raises an RbuildError for what can't be, in later
        steps too. Not `settled`: what is done at first changes nothing in the project.
        """
        # Whoever comes second waits for what the first one finds.
        with stops.held(self._lock):
            if not self._is_made:
                self._is_made = True
                self._prepare()
        if settled:
            self._context.provenance.settle()

    def _prepare(self) -> None:
        self._check_steps()
        plan = self._context.plan
        if any(isinstance(step, RunContainer) for step in plan.now.steps[plan.number - 1 :]):
            self._context.engine.warm_up()
        self._context.provenance.begin(self._context.possible_engine)
        self._publisher.check()

    def check_again(self) -> None:
        """Check what is known now of later steps, if anything was done."""
        if self._is_made:
            self._check_steps()
            self._publisher.check()

    def _check_steps(self) -> None:
        for number, step in enumerate(self._context.plan.now.steps, 1):
            if isinstance(step, RunContainer | BuildImage):
                self._check(step, number)

    def _check(self, step: RunContainer | BuildImage, number: int) -> None:
        try:
            if node := self._context.options.node:
                # Few runs go to another machine.
                from rootless_build.runner import node_limits  # noqa: PLC0415

                node_limits.check(step, self._context.plan.now.bundles, node)
            if isinstance(step, RunContainer):
                self._context.options.containers.check(step)
            elif not self._context.engine.remote:
                foreign_platforms.check(step)
        except UnsupportedError as error:
            place = f"step {number} of {len(self._context.plan.now.steps)}: {title(step)}"
            error.step = number
            error.where = f"{place} ({step.origin})" if step.origin else place
            raise
