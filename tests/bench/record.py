"""What `contrib/bench` measured, as JSON: the tables and the figure of docs are made of it."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

import msgspec

FORMAT: Final = 1
OURS: Final = ("rbuild podman", "rbuild buildah")
"""rbuild; what is compared with is the first that took part."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A contender, and what it was given to build an era's project."""

    name: str
    era: str
    label: str
    """It, with its release."""
    script: str
    """What was typed."""
    runs_as: str
    driver: str
    """What its storage is made by: overlay, vfs, …"""
    place: str
    file_system: str
    """Of the place."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from start to exit, one for each round."""

    era: str
    scenario: str
    files: int
    contender: str
    seconds: tuple[float, ...]


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A run that failed, or whose bundle was not that of the sources. With it the contender's
    part in this era with so many files ends.
    """

    era: str
    scenario: str
    files: int
    contender: str
    words: str


class Memory(msgspec.Struct, frozen=True):
    """MB that rbuild's own process took at most in a run that changed nothing."""

    files: int
    megabytes: float


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the bench."""

    date: str
    commit: str
    machine: str
    python: str
    others: float = 0.0
    """The share of the processors' time that others took, at most, while the bench waited."""
    kilobytes: int
    """Of each file."""
    steps: int
    """RUN steps of the image."""
    contenders: tuple[Given, ...]
    measured: tuple[Measured, ...]
    failures: tuple[Failure, ...] = ()
    memory: tuple[Memory, ...] = ()
    format: int = FORMAT

    def of_era(self, era: str) -> tuple[Given, ...]:
        return tuple(each for each in self.contenders if each.era == era)

    def eras(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.era for each in self.contenders))

    def sizes(self, era: str) -> tuple[int, ...]:
        return tuple(sorted({each.files for each in self.measured if each.era == era}))

    def ours(self, era: str) -> str:
        """What the others are compared with. Raises ValueError where rbuild took no part."""
        named = {each.name for each in self.of_era(era)}
        for name in OURS:
            if name in named:
                return name
        message = f"era {era}: rbuild took no part, there is nothing to compare with"
        raise ValueError(message)

    def seconds(self, era: str, scenario: str, files: int, name: str) -> tuple[float, ...]:
        for each in self.measured:
            if (each.era, each.scenario, each.files, each.contender) == (
                era,
                scenario,
                files,
                name,
            ):
                return each.seconds
        return ()

    def median(self, era: str, scenario: str, files: int, name: str) -> float | None:
        measured = self.seconds(era, scenario, files, name)
        return statistics.median(measured) if measured else None

    def failed(self, era: str, files: int, name: str) -> Failure | None:
        for each in self.failures:
            if (each.era, each.files, each.contender) == (era, files, name):
                return each
        return None


def read(file: Path) -> Record:
    """Raises OSError, msgspec.ValidationError, and ValueError for a record of another version."""
    record = msgspec.json.decode(file.read_bytes(), type=Record)
    if record.format != FORMAT:
        message = f"{file}: of format {record.format}, not {FORMAT}"
        raise ValueError(message)
    return record


def write(record: Record, file: Path) -> None:
    """Whole or not at all: it is written again and again while the bench goes on."""
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    new.rename(file)
