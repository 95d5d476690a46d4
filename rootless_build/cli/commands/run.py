"""`rbuild run`: a command of the user's in a container of the project."""

from __future__ import annotations

from typing import Final

from plumbum import cli

from rootless_build.cli import metadata_file
from rootless_build.cli.checkout import checkout
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import Building
from rootless_build.cli.plan_preview import show_plan
from rootless_build.cli.plan_reading import planned, read_running
from rootless_build.cli.run_options import Manner
from rootless_build.cli.sandboxed_reading import look_running
from rootless_build.cli.session import execute
from rootless_build.model.errors import UsageError
from rootless_build.process.signals import signals_interrupt

_INSTEAD: Final = (
    "`rbuild exec -- docker run … IMAGE COMMAND` runs a command in an image that it has built, "
    "and --target names a target that is planned"
)


class Run(Building, Command):
    """Run a command in the make container. Its exit status becomes rbuild's.

    Of a recipe that only builds images, such as a bake file, it is a container of the image that
    the target builds, as docker run makes one.
    """

    RUNS_OWN_COMMAND = True
    USAGE = "rbuild run [options] [--target TARGET] -- COMMAND [ARGUMENT...]"

    target: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--target",
        Text("--target"),
        argname="TARGET",
        help="whose container, or whose image (default: shell, else the recipe's own default)",
    )

    def main(self, *command: str) -> int:
        """Run it; its status becomes rbuild's."""
        return self.attempt(lambda: self._run(command))

    def _run(self, command: tuple[str, ...]) -> int:
        if not command:
            raise UsageError("no command given", hint="rbuild run -- COMMAND [ARGUMENT...]")
        variables = self.variables_before()
        metadata_file.begin(self)
        if self.flag("dry_run"):
            with signals_interrupt(self.view.stopping):
                return show_plan(self, look_running(self, self.target, command, variables))
        with checkout(self, "rbuild run", alone=False) as run, EngineToCome(self) as engine:
            plan = planned(lambda: read_running(self, self.target, command, variables), _INSTEAD)
            manner = Manner(own_command=True, pass_status=True)
            return execute(self, plan, run, engine, manner)
