"""What is mounted, as /proc/PID/mountinfo tells it (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

OWN: Final = Path("/proc/self/mountinfo")
_LINE: Final = re.compile(
    r"(?:[^ ]+ ){4}(?P<point>[^ ]+) (?P<options>[^ ]+) (?:[^ ]+ )*?- "
    r"(?P<kind>[^ ]+) [^ ]* (?P<system>[^\n]+)\n?"
)
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One of them: where, what kind of file system, how it is mounted there, and that itself."""

    point: str
    kind: str
    options: frozenset[str]
    system_options: frozenset[str]


def mounts(table: Path = OWN) -> Iterator[Mount]:
    """In the order in which they were mounted: of two in one place the later one is seen.

    A line of another form counts as none. Raises OSError where there is no such table.
    """
    # Of the characters that end a line or a word the kernel escapes three: a \r stands as it is.
    with table.open(errors="surrogateescape", newline="\n") as lines:
        for line in lines:
            found = _LINE.fullmatch(line)
            if found is not None:
                point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), found["point"])
                yield Mount(point, found["kind"], _words(found["options"]), _words(found["system"]))


def _words(options: str) -> frozenset[str]:
    return frozenset(options.split(","))
