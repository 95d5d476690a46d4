"""A script for the reference, as data: files, and calls that one shell makes one after another.

What comes out is nowhere in a script: docker says it. A call is a line of sh, or several; most of
them name docker once. `$BASE` is the tests' base image, `$P` begins the names of all that a script
makes, so that scripts which share a storage do not meet.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

from tests.reference.case import Context, digest_of

DOCKER_PREFIX: Final = "rsref"
"""What `$P` is for docker."""


def prefix(engine: str, number: int) -> str:
    """What `$P` is for a script with an engine: as long, as columns are as wide as names."""
    return f"{engine[0]}{number:0{len(DOCKER_PREFIX) - 1}}"


@dataclass(frozen=True)
class Script:
    """See the module."""

    name: str
    calls: tuple[str, ...]
    files: Context = field(default_factory=dict)


def digest(script: Script) -> str:
    """Of all that the script says but its name: a recording holds for what it was made of."""
    return digest_of(dataclasses.replace(script, name=""))
