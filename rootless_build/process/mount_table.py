"""What is mounted, as /proc/PID/mountinfo tells it (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

OWN: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One of them: where, what kind of file system, how it is mounted there, and that itself."""

    point: str
    kind: str
    options: frozenset[str]
    system_options: frozenset[str]


def mounts(table: Path = OWN) -> Iterator[Mount]:
    """In the order in which they were mounted: of two in one place the later one is seen.

    Raises OSError where there is no such table.
    """
    with table.open(errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            fields = before.split(" ")
            # Blanks and their like are written as octal numbers.
            point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4])
            kind, *_, system = after.split()
            yield Mount(point, kind, _words(fields[5]), _words(system))


def _words(options: str) -> frozenset[str]:
    return frozenset(options.split(","))
