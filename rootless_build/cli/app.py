"""`rbuild` itself: the project's targets, and the names of the subcommands."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from types import MappingProxyType

from rootless_build.cli import command_line, misuse
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import is_variable
from rootless_build.cli.commands import COMMANDS, WITH_VARIABLES
from rootless_build.cli.options import Building, Elsewhere, Live, Pushing
from rootless_build.cli.views.choice import view
from rootless_build.model.errors import (
    NoRecipeError,
    OutputClosedError,
    RbuildError,
    UnknownTargetError,
)


class Rbuild(Pushing, Live, Elsewhere, Building, Command):
    """make for Docker's own source tree, and every project built like it: no daemon, no root.

    Targets and variables are the project's own, exactly as make takes them.
    """

    PROGNAME = "rbuild"
    USAGE = (
        "rbuild [options] [NAME=VALUE...] [TARGET...]\n"
        "       rbuild [options] [NAME=VALUE...] COMMAND [options] ..."
    )
    COMMANDS = MappingProxyType({name: does for name, (_, does) in COMMANDS.items()})

    def check_before(self, words: Sequence[str], name: str, after: Sequence[str]) -> None:
        """Raises UsageError for words before a command's name that are no variables, and for
        variables before a command that reads no recipe.
        """
        self.variables = tuple(word for word in words if is_variable(word))
        if len(self.variables) < len(words) or (words and name not in WITH_VARIABLES):
            known = command_line.target_names(self.words)
            raise misuse.of_words_before(words, name, after, known)

    def main(self, *words: str) -> int:
        """Build the project's targets."""
        from rootless_build.cli.commands.make import build  # noqa: PLC0415 - see the package

        def build_or_command() -> int:
            try:
                return build(self, words)
            except (UnknownTargetError, NoRecipeError) as error:
                targets = command_line.target_names(self.words)
                error.hint = misuse.or_command(error.hint, words, self.COMMANDS, targets)
                raise

        return self.attempt(build_or_command)


for _name, (_class, _) in COMMANDS.items():
    Rbuild.subcommand(_name, f"rootless_build.cli.commands.{_class}")


def run(argv: list[str]) -> int:
    """Parse and run; returns the exit status."""
    words = tuple(argv[1:])
    status = 0
    try:
        _, status = Rbuild.run(argv, exit=False)
        sys.stdout.flush()
    except RbuildError as error:
        # The command line itself is wrong.
        _say(error, words)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # `rbuild plan | head`: nobody reads the rest, and nothing is to be said about it at exit.
        if error.errno != errno.EPIPE:
            _say(OutputClosedError(f"the output can't be written: {error.strerror}"), words)
            return OutputClosedError.exit_code
    return status


def _say(error: RbuildError, words: Sequence[str]) -> None:
    view(command_line.log_format(words), "auto", verbose=False, quiet=False).error(error)
