"""A call of docker by a script, as data, and how it is read from the stand-in."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.plan import Origin
from rootless_build.model.secret_names import without_values
from rootless_build.recipes.docker import argv

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of words and environment: far more than the kernel lets a program have."""
STREAMS: Final = 3
HEAD: Final = 12
"""Bytes in which the size of a call stands."""


class Call(Struct, frozen=True):
    """A command line that docker was called with: its words without the program's own, in
    `directory` and with `environment`. `process` is who called, as the kernel says; `program` is
    what was called, by its path.
    """

    words: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    process: int
    program: str = "docker"

    @property
    def line(self) -> str:
        """The command as a person would type it, but for values of variables that are secret by
        their names.
        """
        return shlex.join(("docker", *without_values(self.words)))

    @property
    def context(self) -> argv.Context:
        """Where the words stand."""
        origin = Origin("docker", text=self.line)
        return argv.Context(self.directory, self.environment, origin, called=True)


class MalformedCallError(ValueError):
    """What came through the socket is no call; the text says why."""


def size_of(begins: bytes, come: int) -> tuple[int, int] | None:
    """Where a call begins and ends, of which so many bytes have come; None where that is not all of
    it. Raises MalformedCallError.
    """
    head, newline, _ = begins.partition(b"\n")
    if not newline:
        if come >= HEAD:
            raise MalformedCallError("it does not begin with its size")
        return None
    if not head.isdigit() or int(head) > LARGEST:
        raise MalformedCallError("its size is none")
    start = len(head) + 1
    end = start + int(head)
    return (start, end) if come >= end else None


def read(text: bytes, process: int, streams: int) -> Call:
    """The call that the stand-in wrote, with so many streams. Raises MalformedCallError."""
    if streams != STREAMS:
        raise MalformedCallError("it has other streams than three")
    said, *rows = text.split(b"\0")
    # Digits of ASCII, and no more of them than a size has.
    count = int(said) if said.isdigit() and len(said) < HEAD else 0
    fields = [os.fsdecode(field) for field in rows]
    if count < 1 or len(fields) < count + 1:
        raise MalformedCallError("it has fewer words than it says")
    directory, *rest = fields
    program, words, pairs = rest[0], rest[1:count], rest[count:]
    if not directory.startswith("/"):
        raise MalformedCallError("its directory is not absolute")
    variables = (pair.partition("=") for pair in pairs)
    environment = {name: value for name, equals, value in variables if equals}
    own = argv.of_program((program, *words))
    return Call(own, Path(directory), environment, process, program)
