"""Mistakes on the command line, in words: what was wrong with which option or word.

plumbum's own messages come in the user's language, so the class of its error and the option that
is named in it are all that is read.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from plumbum.cli import switches

from rootless_build.cli import command_line
from rootless_build.cli.command_line import is_variable
from rootless_build.cli.commands import WITH_TARGETS
from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import likeness, nearest
from rootless_build.model.secret_names import without_values
from rootless_build.model.text import shell_joined

_OPTION: Final = re.compile(r"(?<![\w-])--?[\w?][\w-]*")
_INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {
        # make's
        "-n": "rbuild plan shows what would be done (also --dry-run)",
        "--just-print": "rbuild plan shows what would be done (also --dry-run)",
        "--recon": "rbuild plan shows what would be done (also --dry-run)",
        "-B": "--force builds and runs although nothing changed, --no-cache each layer too",
        "--always-make": "--force builds and runs although nothing changed, --no-cache each layer "
        "too",
        "-l": "--jobs N says how much goes on at a time, whatever the load",
        "-k": "the first step that fails ends the run; leave -k out",
        "--keep-going": "the first step that fails ends the run; leave it out",
        "-i": "a step that fails ends the run; in the Makefile `-` before a line ignores it",
        "--ignore-errors": "a step that fails ends the run; in the Makefile `-` before a line "
        "ignores it",
        "-s": "-q leaves out all but containers' output and errors",
        "--silent": "-q leaves out all but containers' output and errors",
        "-d": "-v says more, --explain why each step is done",
        "--debug": "-v says more, --explain why each step is done",
        "--trace": "-v says more, --explain why each step is done",
        "-p": "rbuild plan shows what would be done",
        "-t": "an image's name is the recipe's; nothing is marked as done without being done",
        "--touch": "nothing is marked as done without being done",
        "-w": "-C DIR is another project; directories are not announced",
        "-I": "make's -I: MAKEFILES and include paths are the Makefile's own",
        "-W": "--force builds and runs although nothing changed",
        "-o": "--bundles-dir DIR is where the results go",
        "-e": "--env NAME=VALUE is for the container; NAME=VALUE alone, as with make, for the "
        "Makefile",
        "--environment-overrides": "a variable of the command line, NAME=VALUE, overrides the "
        "Makefile's",
        "--no-keep-going": "the first step that fails ends the run; leave it out",
        "--stop": "the first step that fails ends the run; leave it out",
        "-S": "the first step that fails ends the run; leave -S out",
        "--print-directory": "directories are not announced; leave it out",
        "--no-print-directory": "directories are not announced; leave it out",
        "--no-silent": "what is done is told, unless with -q; leave it out",
        "-O": "what goes on at a time is told in turns; leave it out",
        "--output-sync": "what goes on at a time is told in turns; leave it out",
        "-r": "make's own rules are the Makefile's: MAKEFLAGS += -r",
        "--no-builtin-rules": "make's own rules are the Makefile's: MAKEFLAGS += -r",
        "-R": "make's own variables are the Makefile's: MAKEFLAGS += -R",
        "--no-builtin-variables": "make's own variables are the Makefile's: MAKEFLAGS += -R",
        "--load-average": "--jobs N says how much goes on at a time, whatever the load",
        "--max-load": "--jobs N says how much goes on at a time, whatever the load",
        "--include-dir": "include paths are the Makefile's own",
        "--what-if": "--force builds and runs although nothing changed",
        "--new-file": "--force builds and runs although nothing changed",
        "--assume-new": "--force builds and runs although nothing changed",
        "--old-file": "what has not changed is not done again; nothing else is taken for old",
        "--assume-old": "what has not changed is not done again; nothing else is taken for old",
        "--question": "rbuild plan says of each step whether it is done",
        "--print-data-base": "rbuild plan shows what would be done",
        "--eval": "NAME=VALUE sets a variable; what is more goes into a makefile: --makefile FILE",
        "-V": "--version",
        "-?": "--help",
        # docker's
        "--tag": "an image's name is the recipe's",
        "--target": "a stage is the recipe's: `docker build --target`, or target in rbuild.toml",
        "--platform": "platforms are the recipe's; many Makefiles have a variable for them",
        "--output": "outputs are the recipe's; --bundles-dir DIR is where bundles go",
        "--volume": "mounts are the recipe's: mounts in rbuild.toml",
        "--mount": "mounts are the recipe's: mounts in rbuild.toml",
        "--privileged": "the recipe says it; --unprivileged takes it away",
        "--rm": "containers are always removed",
        "-it": "`rbuild shell` and `rbuild run` have the terminal where there is one",
        "--tty": "`rbuild shell` and `rbuild run` have the terminal where there is one",
        "--interactive": "`rbuild shell` and `rbuild run` have the terminal where there is one",
        # what others call it
        "--engine": "--backend podman, buildah, docker or auto",
        "--json": "--format json (plan, bundles, backends, doctor) or --log-format json",
        "--containerfile": "-f FILE",
        "--dockerfile": "-f FILE",
        "--docker": "--backend docker",
        "--podman": "--backend podman",
        "--buildah": "--backend buildah",
    }
)
"""Options that people know from make and docker, and what rbuild has in their place."""
_WRITTEN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("-n", "--just-print", "--recon"), ("plan",)),
        **dict.fromkeys(("-B", "--always-make"), ("--force",)),
        **dict.fromkeys(("-s", "--silent"), ("-q",)),
        **dict.fromkeys(("-k", "--keep-going", "-S", "--no-keep-going", "--stop"), ()),
        **dict.fromkeys(("--print-directory", "--no-print-directory"), ()),
    }
)
"""make's options, and the words to write for them."""


_ALMOST: Final = 0.9
"""The likeness of `--volume` and `--volumes`."""
_LISTS: Final = frozenset({"--list", "--list-targets", "--targets"})


class KnownOptions(Struct, frozen=True):
    """The options of a command, `own`, and of every command (`known`, the program among them), by
    their names without dashes.
    """

    program: str
    own: Mapping[str, switches.SwitchInfo]
    known: Mapping[str, Collection[str]]

    @property
    def helped(self) -> str:
        """Where the options of the command are told."""
        return f"{self.program} --help lists the options"

    def elsewhere(self, option: str) -> tuple[str, ...]:
        """The names of the commands that have an option; `rbuild TARGET` is the program itself."""
        name = option.lstrip("-")
        having = [command for command, names in self.known.items() if name in names]
        return tuple(command.partition(" ")[2] or f"{command} TARGET" for command in having)


def of_options(error: Exception, typed: Sequence[str], options: KnownOptions) -> UsageError:
    """What plumbum refused while it read the options `typed`."""
    names = _OPTION.findall(str(error))
    name = names[0] if names else ""
    option = options.own.get(name.lstrip("-"))
    match error:
        case switches.UnknownSwitch():
            return _unknown(name, typed, options)
        case switches.MissingArgument():
            what = option.argname if option else "VALUE"
            alone = "without a number, as make's -j: leave it out, rbuild finds one by itself"
            hint = alone if name in {"-j", "--jobs"} else options.helped
            return UsageError(f"{name} needs a value: {name} {what}", hint=hint)
        case switches.SwitchCombinationError():
            others = " and ".join(dict.fromkeys(names))
            return UsageError(f"{others} can't be given together", hint=options.helped)
        case _ if option is not None and not option.argtype and f"{name}=" in "\0".join(typed):
            return UsageError(f"{name} takes no value", hint=options.helped)
        case _ if option is not None:
            return UsageError(f"{name} is given twice", hint="give it once")
        case _:
            return UsageError(str(error), hint=options.helped)


def of_option_before(name: str, options: KnownOptions, *, is_other: bool) -> UsageError:
    """An option before the name of a command that does not have it. `is_other`: it has one of that
    name, which is given in another way.
    """
    if is_other:
        option = options.own[name.lstrip("-")]
        value = f" {option.argname}" if option.argtype else ""
        what = f"{name} before a command's name is another option than that of {options.program}"
        return UsageError(what, hint=f"write: {options.program} {name}{value}")
    return _unknown(name, (), options)


def _unknown(name: str, typed: Sequence[str], options: KnownOptions) -> UsageError:
    """An option that the command has not, but others may."""
    others = options.elsewhere(name)
    if not others:
        return UsageError(f"unknown option {name}", hint=_instead(name, typed, options))
    hints = [*_nearly(name, options, 0), f"{name} is an option of {_listed(others)}"]
    if " " not in options.program:
        # A word that others use for what rbuild says otherwise may also be an option of a command.
        hints = [*filter(None, [_INSTEAD.get(name)]), *hints]
    return UsageError(f"{options.program} has no option {name}", hint="\n".join(hints))


def _nearly(name: str, options: KnownOptions, least: float) -> Iterator[str]:
    """`did you mean …?`, where the command has an option that is at least so like it."""
    near = nearest(name, [f"--{option}" for option in options.own if len(option) > 1])
    if near and likeness(name, near) > least:
        yield f"did you mean {near}?"


def _nearly_elsewhere(name: str, options: KnownOptions) -> Iterator[str]:
    """`did you mean …?`, where another command has an option that is like it."""
    known = {f"--{each}" for names in options.known.values() for each in names if len(each) > 1}
    near = nearest(name, sorted(known))
    if near:
        yield f"did you mean {near}? It is an option of {_listed(options.elsewhere(near))}"


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def of_words(words: Sequence[str], most: int, usage: str, program: str) -> UsageError:
    """More words than the command takes, or fewer."""
    extra = words[most:]
    what = f"this is too much: {' '.join(extra)}" if extra else "a word is missing"
    return UsageError(f"{what}; it is {usage}", hint=f"see {program} --help")


def of_words_before(
    before: Sequence[str], command: str, after: Sequence[str], targets: Sequence[str]
) -> UsageError:
    """Words before the name of a command, which would mean nothing there.

    `targets` are the project's own.
    """
    words = [word for word in before if not is_variable(word)]
    variables = [word for word in before if is_variable(word)]
    if not words:
        what = f"{' '.join(variables)}: rbuild {command} reads no recipe, so it takes no variables"
        return UsageError(what, hint=f"rbuild {command}")
    both = shell_joined((*variables, *words, command))
    made = f"rbuild make {both}"
    if command in targets and all(word in targets for word in words):
        return UsageError(
            f"{command} is a command of rbuild and a target here, and a command comes first",
            hint=f"to build the targets: {made}\n{_as_command(command, words, variables, after)}",
        )
    return UsageError(
        f"{command} is a command of rbuild, and comes before its words, not after {words[-1]}",
        hint=_as_command(command, words, variables, after),
    )


def _as_command(
    command: str, words: Sequence[str], variables: Sequence[str], after: Sequence[str]
) -> str:
    """How the command is written that these words were most likely meant for."""
    if command in WITH_TARGETS:
        return f"write: rbuild {shell_joined((command, *variables, *words, *after))}"
    first = shell_joined(("rbuild", *variables, *words))
    return f"these are two commands: {first}, and {shell_joined(('rbuild', command, *after))}"


def or_command(
    hint: str, words: Sequence[str], commands: Collection[str], targets: Collection[str]
) -> str:
    """The hint about a target that there is none of: a command of rbuild may be meant."""
    for word in words:
        command, target = nearest(word, commands), nearest(word, targets)
        if command and command == target:
            return f"did you mean rbuild {command}, or the target: rbuild make {target}?"
        if command and likeness(word, command) > likeness(word, target):
            return "\n".join(filter(None, (f"did you mean rbuild {command}?", hint)))
    return hint


def _instead(name: str, typed: Sequence[str], options: KnownOptions) -> str:
    if name in _LISTS:
        targets = command_line.target_names(typed)
        listed = f"rbuild targets lists them: {', '.join(targets)}"
        return listed if targets else "rbuild targets lists them"
    given = next((word for word in typed if word.startswith(name)), name)
    known = (
        f"{_INSTEAD[word]}{_as_rbuild_has_it(word, typed)}"
        for word in (given.partition("=")[0], name)
        if word in _INSTEAD
    )
    return next(
        itertools.chain(
            _nearly(name, options, _ALMOST),
            known,
            _nearly(name, options, 0),
            _nearly_elsewhere(name, options),
            [options.helped],
        )
    )


def _as_rbuild_has_it(option: str, typed: Sequence[str]) -> str:
    """A line with the command line to write for make's, where that is one word for another."""
    if option not in _WRITTEN or typed.count(option) != 1:
        return ""
    others = [word for word in without_values(typed) if word != option]
    return f"\nwrite: {shell_joined(('rbuild', *_WRITTEN[option], *others))}"
