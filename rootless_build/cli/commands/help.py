"""`rbuild help [COMMAND]`."""

from __future__ import annotations

from rootless_build.cli.command import Command
from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import nearest


class Help(Command):
    """Show what rbuild does, or what one of its commands does."""

    USAGE = "rbuild help [COMMAND]"

    def main(self, command: str = "") -> int:
        """Print it."""
        return self.attempt(lambda: self._show(command))

    def _show(self, name: str) -> int:
        root = self.parent
        assert isinstance(root, Command)  # it has no other
        if not name:
            root.help()
        elif name in root.COMMANDS:
            root.command_named(name).help()
        else:
            near = nearest(name, root.COMMANDS)
            raise UsageError(
                f"there is no command {name}",
                hint=f"did you mean rbuild help {near}?" if near else "rbuild help lists them",
            )
        return 0
