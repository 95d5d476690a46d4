"""`rbuild exec`: any command of the user's, with rbuild in docker's place while it is at work."""

from __future__ import annotations

from rootless_build.cli import metadata_file
from rootless_build.cli.checkout import checkout
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.live_session import execute_live
from rootless_build.cli.options import Pushing, Working
from rootless_build.model.errors import UsageError


class Exec(Pushing, Working, Command):
    """Run any command, such as a build script, and be docker for it. Its status becomes rbuild's.

    First on its PATH, docker is rbuild: each call is a step, as it would be in a recipe.
    """

    USAGE = "rbuild exec [options] -- COMMAND [ARGUMENT...]"

    def main(self, *command: str) -> int:
        """Run it; its status becomes rbuild's."""
        return self.attempt(lambda: self._run(command))

    def _run(self, command: tuple[str, ...]) -> int:
        if not command:
            raise UsageError("no command given", hint="rbuild exec -- COMMAND [ARGUMENT...]")
        metadata_file.begin(self)
        with checkout(self, "rbuild exec", alone=False) as run, EngineToCome(self) as engine:
            return execute_live(self, command, run, engine)
