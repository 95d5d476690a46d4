"""The options and the commands, from the parser: what `--help` says, in one place."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from plumbum.cli.switches import SwitchInfo

from rootless_build.cli import options
from rootless_build.cli.app import Rbuild
from rootless_build.cli.application import Application
from rootless_build.cli.commands import COMMANDS
from tests.docs.tables import table

OWN: Final = "Switches"
META: Final = "Meta-switches"
TARGET: Final = "rbuild TARGET"
"""How `rbuild` without a command's name is called in a list of commands."""
_ALL: Final = "every command"
_PLANNED: Final = "all that build"
PLANNED: Final = frozenset({TARGET, "plan", "run", "exec", "make", "reproduce"})
"""Those that read a recipe, and `exec`: what most options are of."""


class Option(Struct, frozen=True):
    """An option: as it is typed, of which commands, what `--help` says."""

    names: tuple[str, ...]
    value: str
    group: str
    meaning: str
    commands: frozenset[str]

    @property
    def typed(self) -> str:
        """All its names, with what it takes."""
        return f"{', '.join(self.names)} {self.value}".strip()

    @property
    def of(self) -> str:
        """Its commands, in words for a table."""
        if len(self.commands) == len(COMMANDS) + 1:
            return _ALL
        if self.commands == PLANNED:
            return _PLANNED
        named = [TARGET, *COMMANDS]
        listed = ", ".join(f"`{name}`" for name in named if name in self.commands - PLANNED)
        if self.commands > PLANNED:
            return f"{_PLANNED}, {listed}"
        return ", ".join(f"`{name}`" for name in named if name in self.commands)


def applications() -> dict[str, Application]:
    """`rbuild` and its commands, by name."""
    root = Rbuild("rbuild")
    return {TARGET: root, **{name: root.command_named(name) for name in COMMANDS}}


def known(of: Mapping[str, Application]) -> list[Option]:
    """The options of these, each once; those that are one word with two meanings are two."""
    found: dict[tuple[tuple[str, ...], str, str, str], set[str]] = {}
    for command, application in of.items():
        for names, option in _by_option(application.switches):
            if option.group != META:
                value = str(option.argname) if option.argtype else ""
                key = (names, value, str(option.group), meaning(option))
                found.setdefault(key, set()).add(command)
    return [Option(*key, frozenset(commands)) for key, commands in found.items()]


def _by_option(switches: Mapping[str, SwitchInfo]) -> Iterator[tuple[tuple[str, ...], SwitchInfo]]:
    named: dict[SwitchInfo, list[str]] = {}
    for name, option in switches.items():
        named.setdefault(option, []).append(f"-{name}" if len(name) == 1 else f"--{name}")
    for option, names in named.items():
        yield tuple(sorted(names, key=len)), option


def meaning(option: SwitchInfo) -> str:
    """What `--help` says of it."""
    return f"{option.help or ''} (may be repeated)" if option.list else option.help or ""


def tables() -> str:
    """The options that several commands have, below the heads that `--help` has."""
    every = known(applications())
    parts = []
    for group in options.GROUPS:
        rows = [(f"`{o.typed}`", o.of, o.meaning) for o in every if o.group == group]
        parts += [f"## {group}", table(["option", "of", "meaning"], rows)] if rows else []
    return "\n\n".join(parts)


def description(application: Application) -> list[str]:
    """What a command's help says it does: paragraphs, those that are indented as they are."""
    text = textwrap.dedent(application.DESCRIPTION or "").strip()
    return re.split(r"\n\s*\n", text)


def usage(application: Application) -> Sequence[str]:
    """How it is called, a line each."""
    lines = (application.USAGE or f"{application.PROGNAME} [options]").splitlines()
    return [line.strip() for line in lines]


def commands() -> str:
    """Each command: its usage, what it does, the options that are its alone."""
    of = applications()
    parts = []
    for name, application in of.items():
        if name == TARGET:
            continue
        parts += [f"## rbuild {name}", textwrap.indent("\n".join(usage(application)), "    ")]
        parts += description(application)
        own = [option for option in known({name: application}) if option.group == OWN]
        if own:
            rows = [(f"`{option.typed}`", option.meaning) for option in own]
            parts.append(table(["option", "meaning"], rows))
    return "\n\n".join(parts)
