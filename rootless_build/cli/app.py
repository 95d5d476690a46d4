"""`rbuild` itself: the project's targets, and the names of the subcommands."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Final

from rootless_build.cli import command_line
from rootless_build.cli.command import Command, is_variable
from rootless_build.model.errors import (
    NoRecipeError,
    OutputClosedError,
    RbuildError,
    UnknownTargetError,
)

_COMMANDS: Final = "rootless_build.cli.commands.others."
_ELSEWHERE: Final = MappingProxyType(
    {
        "reproduce": "rootless_build.cli.commands.reproduce.",
        "sign": "rootless_build.cli.commands.sign.",
        "clean": "rootless_build.cli.commands.clean.",
        "doctor": "rootless_build.cli.commands.doctor.",
        "help": "rootless_build.cli.commands.help.",
    }
)
"""Modules of commands that are not with the others."""


_WITH_VARIABLES: Final = frozenset({"plan", "run", "make", "reproduce"})
"""Commands that read the project's recipe: what NAME=VALUE is for."""


class Rbuild(Command):
    """make for Docker's own source tree, and every project built like it: no daemon, no root.

    Targets and variables are the project's own, exactly as make takes them.
    """

    PROGNAME = "rbuild"
    USAGE = (
        "rbuild [options] [NAME=VALUE...] [TARGET...]\n"
        "       rbuild [options] [NAME=VALUE...] COMMAND [options] ..."
    )
    COMMANDS = MappingProxyType(
        {
            "plan": "show what would be done, as commands to paste or as JSON",
            "run": "run a command in the make container: rbuild run -- COMMAND...",
            "make": "build targets that are named like one of these commands",
            "bundles": "list what was built, or verify it: bundles [list|verify]",
            "sign": "sign the bundles' provenance with a key: sign --key FILE",
            "reproduce": "build the same again and compare byte for byte",
            "install": "copy the latest bundles' executables to PREFIX/bin",
            "base": "make a base image with no registry: base debian:bookworm",
            "doctor": "what is wrong with this host, and what cures it",
            "backends": "which engines are here, which would be used, and why",
            "clean": "remove what builds left in the engine's storage",
            "help": "this, or what a command does: help [COMMAND]",
        }
    )

    def _parse_args(self, argv: list[str]) -> tuple[dict[Callable[..., None], Any], list[str]]:
        options, before = super()._parse_args(argv)
        if self.nested_command is not None and before:
            name = self.nested_command[1][0].rpartition(" ")[2]
            self.variables = tuple(word for word in before if is_variable(word))
            if len(self.variables) < len(before) or name not in _WITH_VARIABLES:
                # Only a mistake needs it.
                from rootless_build.cli import misuse  # noqa: PLC0415

                after = self.nested_command[1][1:]
                known = command_line.target_names(self.words)
                raise misuse.of_words_before(before, name, after, known)
        return options, before

    def main(self, *words: str) -> int:
        """Build the project's targets."""
        from rootless_build.cli.commands.make import build  # noqa: PLC0415 - see the package

        def build_or_command() -> int:
            try:
                return build(self, words)
            except (UnknownTargetError, NoRecipeError) as error:
                from rootless_build.cli import misuse  # noqa: PLC0415 - see the package

                targets = command_line.target_names(self.words)
                error.hint = misuse.or_command(error.hint, words, self.COMMANDS, targets)
                raise

        return self.attempt(build_or_command)


for _name in Rbuild.COMMANDS:
    Rbuild.subcommand(_name, f"{_ELSEWHERE.get(_name, _COMMANDS)}{_name.capitalize()}")


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
    from rootless_build.cli.views.choice import view  # noqa: PLC0415 - see the package

    view(command_line.log_format(words), "auto", verbose=False, quiet=False).error(error)
