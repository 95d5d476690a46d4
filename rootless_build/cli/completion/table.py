"""What the parser knows of commands and options, kept in a file from one Tab to the next.

The file is made anew when a module of the command line, or rbuild's version, is another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

import rootless_build
from rootless_build.process import user_directories

_SOURCES: Final = Path(__file__).parents[1]


class Option(Struct, frozen=True):
    """An option by its names, with their dashes. `argument` is what `--help` calls its value, empty
    where it has none; `values` are all that its value can be, where these are few.
    """

    names: tuple[str, ...]
    does: str
    argument: str = ""
    values: tuple[str, ...] = ()
    repeats: bool = False
    excludes: tuple[str, ...] = ()


class KnownCommand(Struct, frozen=True):
    """A command: what it does, how it is written, its options."""

    does: str
    usage: str
    options: tuple[Option, ...]

    def option(self, name: str) -> Option | None:
        """The option of that name."""
        return next((option for option in self.options if name in option.names), None)


class Table(Struct, frozen=True):
    """The commands by name; the program itself is the one without a name."""

    commands: Mapping[str, KnownCommand]


def kept() -> Table | None:
    """The table of this rbuild, where it was kept."""
    try:
        return msgspec.json.decode(_place().read_bytes(), type=Table)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(made: Table) -> None:
    """Keep it, in the place of those of other states. Whoever presses Tab is told nothing where it
    can't be.
    """
    place = _place()
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in place.parent.iterdir():
            old.unlink()
        new = place.with_suffix(f".{os.getpid()}")
        new.write_bytes(msgspec.json.encode(made))
        new.replace(place)


def _place() -> Path:
    return user_directories.cache() / "rbuild" / "completion" / f"{_state()}.json"


def _state() -> str:
    """What is another when the parser may be."""
    read = hashlib.sha256(rootless_build.__version__.encode())
    for directory in (_SOURCES, _SOURCES / "commands", _SOURCES / "completion"):
        with os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda each: each.name):
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    read.update(f"{entry.path} {status.st_mtime_ns} {status.st_size}\n".encode())
    return read.hexdigest()[:16]
