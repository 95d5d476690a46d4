"""A row of the table of docker's commands."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Final

from msgspec import Struct


class Way(StrEnum):
    """What becomes of a command."""

    STEP = "a step of rbuild's"
    PASSED = "passed on to the engine"
    ANSWERED = "answered from what the engine says"
    REFUSED = "refused"


class Needs(StrEnum):
    """What an engine must have for it."""

    NOTHING = ""
    CONTAINERS = "containers that outlive their command"
    NETWORKS = "networks"
    VOLUMES = "volumes of its own"


class Flag(Struct, frozen=True):
    """A flag: its name, its letter, and the word for what it takes; a bool takes nothing.

    `refused` and `no_effect` say why where it is so.
    """

    name: str
    letter: str = ""
    takes: str = ""
    refused: str = ""
    no_effect: str = ""

    @property
    def shown(self) -> str:
        """As docker's messages have it."""
        return f"-{self.letter}, --{self.name}" if self.letter else f"--{self.name}"


class Flags:
    """The flags of a command, found by their names and letters."""

    def __init__(self, row: Row) -> None:
        found = [_flag(word, row) for word in row.flags.split()]
        self.by_name: Final[Mapping[str, Flag]] = {flag.name: flag for flag in found}
        self.by_letter: Final[Mapping[str, Flag]] = {
            flag.letter: flag for flag in found if flag.letter
        }


def _flag(word: str, row: Row) -> Flag:
    before, _, takes = word.partition("=")
    letter, slash, name = before.partition("/")
    name = name if slash else before
    return Flag(
        name,
        letter if slash else "",
        takes,
        row.without.get(name, ""),
        row.no_effect.get(name, ""),
    )


class Row(Struct, frozen=True, dict=True):
    """A command of docker's.

    `name` is its own, with that of its group, `also` are others. `usage` is what follows the name,
    `operands` how many there are at least and at most. `flags` has a word for each,
    `letter/name=takes`. `refused` says why a command is refused, `without` why a flag is,
    `no_effect` why one does nothing. `on_request` is the option of rbuild's without which it is
    refused. `ends_at_first`: what follows the first operand is none of docker's flags.
    """

    name: str
    usage: str
    operands: tuple[int, int | None]
    way: Way
    also: tuple[str, ...] = ()
    flags: str = ""
    needs: Needs = Needs.NOTHING
    refused: str = ""
    without: Mapping[str, str] = {}
    no_effect: Mapping[str, str] = {}
    on_request: str = ""
    ends_at_first: bool = False

    @cached_property
    def table(self) -> Flags:
        """Its flags."""
        return Flags(self)
