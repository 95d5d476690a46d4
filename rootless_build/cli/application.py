"""plumbum's parser, whose mistakes rbuild tells in its own words.

plumbum reads the options, and is asked for no more. To a mistake it prints its own message, in the
user's language and with its whole help below, and has no place where a program could say another;
nor does it tell which options a command has. So this module, and no other, reaches into what is
private of its Application: it overrides `_parse_args` and `_validate_args`, the two steps of every
parse, and reads the two tables that plumbum makes of a class, `_switches_by_name` and
`_subcommands`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from plumbum import cli
from plumbum.cli import application

from rootless_build.cli import misuse
from rootless_build.cli.misuse import KnownOptions
from rootless_build.model.errors import UsageError

if TYPE_CHECKING:
    from plumbum.cli.application import SwitchParseInfo
    from plumbum.cli.switches import SwitchInfo

_COUNTS_BACK: Final = re.compile(r"-\d{1,9}")
_ASKED_FOR: Final = (application.ShowHelp, application.ShowVersion)


class _Word(str):
    """A word that is no option to plumbum, whatever it begins with."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """It does not, as far as plumbum is told."""
        return False


class Application(cli.Application):
    """A program or one of its commands: options, words, and mistakes as UsageError."""

    CALL_MAIN_IF_NESTED_COMMAND = False
    SUBCOMMAND_HELPMSG = False

    TAKES_RUNS = False
    """Whether words may be numbers of kept runs: `-1` is one, and no option."""

    typed: tuple[str, ...] = ()
    """The words of the command line, of the first application of a run."""

    @classmethod
    def autocomplete(cls, argv: list[str]) -> None:
        """Nothing is completed for whoever has variables of bash's completion in the environment:
        `rootless_build.cli.completion` does that.
        """

    @property
    def switches(self) -> Mapping[str, SwitchInfo]:
        """The options by name, without dashes."""
        return self._switches_by_name

    def command_named(self, name: str) -> Application:
        """The command of that name, as if it stood on the command line. Raises KeyError."""
        made = self._subcommands[name].get()(f"{self.PROGNAME} {name}")
        made.parent = self
        return cast("Application", made)

    def command_names(self) -> Sequence[str]:
        """The names of the commands."""
        return tuple(self._subcommands)

    def check_before(self, words: Sequence[str], name: str, after: Sequence[str]) -> None:
        """Raises UsageError for words before a command's name that mean nothing there; `after` is
        what follows it.
        """

    def _parse_args(self, argv: list[str]) -> tuple[dict[Callable[..., None], Any], list[str]]:
        words = tuple(argv)
        if self.parent is None:
            self.typed = words
        if self.TAKES_RUNS:
            argv = [_Word(word) if _COUNTS_BACK.fullmatch(word) else word for word in argv]
        try:
            options, rest = super()._parse_args(argv)
        except cli.switches.SwitchError as error:
            raise self._misuse(error, words) from error
        if self.nested_command is not None:
            name = self.nested_command[1][0].rpartition(" ")[2]
            self.check_before(rest, name, self.nested_command[1][1:])
            self._check_options_before(name, options)
        return options, rest

    def _check_options_before(
        self, name: str, options: Mapping[Callable[..., None], SwitchParseInfo]
    ) -> None:
        if not options:
            return
        command = self.command_named(name)
        for given in options.values():
            named = given.swname.lstrip("-")
            other = command.switches.get(named)
            if other is None or not _are_alike(self.switches[named], other):
                known = command.known_options()
                raise misuse.of_option_before(given.swname, known, is_other=other is not None)

    def _validate_args(
        self, swfuncs: dict[Callable[..., Any], SwitchParseInfo], tailargs: Sequence[str]
    ) -> tuple[list[tuple[Callable[..., Any], tuple[Any, ...]]], list[str]]:
        try:
            return super()._validate_args(swfuncs, tailargs)
        except _ASKED_FOR:
            raise
        except cli.switches.PositionalArgumentsError as error:
            most = len(inspect.signature(self.main).parameters)
            usage = (self.USAGE or f"{self.PROGNAME} [options]").partition("\n")[0]
            raise misuse.of_words(tailargs, most, usage, str(self.PROGNAME)) from error
        except cli.switches.SwitchError as error:
            raise self._misuse(error, ()) from error

    def _misuse(self, error: Exception, words: Sequence[str]) -> UsageError:
        return misuse.of_options(error, words, self.known_options())

    def known_options(self) -> KnownOptions:
        """Which options this application has, and which others there are."""
        first = self.parent if isinstance(self.parent, Application) else self
        commands = (first, *map(first.command_named, first.command_names()))
        known = {str(command.PROGNAME): frozenset(command.switches) for command in commands}
        return KnownOptions(str(self.PROGNAME), self.switches, known)


def _are_alike(one: SwitchInfo, other: SwitchInfo) -> bool:
    """Whether options of two commands are given in the same way."""
    return bool(one.argtype) == bool(other.argtype)


Application.unbind_switches("--help-all", "--completions")
