"""`rbuild` itself: the project's targets, and the names of the subcommands."""

from __future__ import annotations

import os
import sys
from types import MappingProxyType
from typing import Final

import rootless_build
from rootless_build.cli.command import Command
from rootless_build.errors import RbuildError

_COMMANDS: Final = "rootless_build.cli.commands."
_ELSEWHERE: Final = MappingProxyType(
    {
        "reproduce": "rootless_build.cli.reproduce.",
        "clean": "rootless_build.cli.clean.",
        "doctor": "rootless_build.cli.doctor.",
    }
)
"""Modules of commands that are not with the others."""


class Rbuild(Command):
    """make for Docker's own source tree, and every project built like it: no daemon, no root.

    Targets and variables are the project's own, exactly as make takes them.
    """

    PROGNAME = "rbuild"
    VERSION = rootless_build.__version__
    USAGE = (
        "rbuild [options] [NAME=VALUE...] [TARGET...]\n"
        "       rbuild [options] COMMAND [options] ..."
    )
    COMMANDS = MappingProxyType(
        {
            "plan": "show what would be done, as commands to paste or as JSON",
            "run": "run a command in the make container: rbuild run -- COMMAND...",
            "make": "build targets that are named like one of these commands",
            "bundles": "list what was built, or verify it: bundles [list|verify]",
            "reproduce": "build the same again and compare byte for byte",
            "install": "copy the latest bundles' executables to PREFIX/bin",
            "base": "make a base image with no registry: base debian:bookworm",
            "doctor": "what is wrong with this host, and what cures it",
            "backends": "which engines are here, which would be used, and why",
            "clean": "remove what builds left in the engine's storage",
        }
    )

    def main(self, *words: str) -> int:
        """Build the project's targets."""
        from rootless_build.cli.build import build  # noqa: PLC0415 - see the package

        return self.attempt(lambda: build(self, words))


for _name in Rbuild.COMMANDS:
    Rbuild.subcommand(_name, f"{_ELSEWHERE.get(_name, _COMMANDS)}{_name.capitalize()}")


def run(argv: list[str]) -> int:
    """Parse and run; returns the exit status."""
    try:
        _, status = Rbuild.run(argv, exit=False)
    except RbuildError as error:
        # The command line itself is wrong, so there are no options to choose a view by.
        from rootless_build.cli.views import view  # noqa: PLC0415 - see the package

        view("text", "auto", verbose=False, quiet=False).error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    try:
        sys.stdout.flush()
    except OSError:
        # `rbuild plan | head`: nobody reads the rest, and nothing is to be said about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return status
