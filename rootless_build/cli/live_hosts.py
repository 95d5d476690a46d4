"""Commands of a recipe on this host, to which rbuild is docker: a script may call it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from rootless_build import cli as package
from rootless_build.backend.api import Engine
from rootless_build.backend.discovery import Choice
from rootless_build.cli.checkout import clear_dead_runs
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import HostCommand
from rootless_build.recipes.shell import line
from rootless_build.runner import host_commands
from rootless_build.runner.host_commands import Attended
from rootless_build.runner.journal import Run

if TYPE_CHECKING:
    from rootless_build.live.surroundings import Surroundings


class LiveHosts:
    """Runs them. The engine is opened at the first call where no step of the plan has done so.

    `stack` is the run's: what is opened here ends with it.
    """

    def __init__(
        self,
        command: Command,
        recipe: GrowingRecipe,
        run: Run,
        engine_to_come: EngineToCome,
        stack: ExitStack,
    ) -> None:
        self._command = command
        self._recipe = recipe
        self._run = run
        self._engine_to_come = engine_to_come
        self._stack = stack
        self._calls = 0
        self._around: Surroundings | None = None
        self.opened: tuple[Engine, Choice] | None = None

    def attend(self, step: HostCommand, reporter: StepReporter) -> Attended:
        """Run one."""
        if self._command.flag("no_live") or not line.may_call_docker(step.script, step.shell):
            return host_commands.attend(step, reporter)
        after = len(self._recipe.plan.steps) + self._calls
        status, calls = package.live_session.serve_host(
            self._command, step, reporter, self._surroundings, after
        )
        self._calls += calls
        return Attended(status, called_docker=calls > 0)

    def _surroundings(self) -> Surroundings:
        if self._around is None:
            if self.opened is None:
                self.opened = self._stack.enter_context(self._engine_to_come.open(self._run))
                clear_dead_runs(self._command, self._run, *self.opened)
            live = package.live_session
            self._around = live.surroundings(self._command, *self.opened, self._run)
            self._around.prepare()
        return self._around
