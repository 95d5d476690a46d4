"""Docker's commands as a table: what each takes, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli.row import Row
from rootless_build.docker_cli.rows import builders, containers, images, others

ROWS: Final = (*containers.ROWS, *images.ROWS, *builders.ROWS, *others.ROWS)
_SAME: Final = {"builder": "buildx"}
"""`docker builder` is buildx by another name."""
_SWARM: Final = "there is no swarm"
REFUSED_GROUPS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("config", "node", "secret", "service", "stack"), _SWARM),
    "checkpoint": "rootless engines keep no checkpoints",
    "compose": (
        "rbuild has no compose: it builds the images of a compose file, and starts no services"
    ),
}
"""Groups of which nothing is done: all of their commands are one row."""


class Named(Struct, frozen=True):
    """A row that words name, as docker calls it in its messages; `rest` are the words after it."""

    row: Row
    shown: str
    rest: tuple[str, ...]


@cache
def _by_words() -> Mapping[tuple[str, ...], Row]:
    return {tuple(name.split()): row for row in ROWS for name in (row.name, *row.also)}


@cache
def groups() -> frozenset[tuple[str, ...]]:
    """The words that name no command but a group of them."""
    named = _by_words()
    return frozenset(words[:end] for words in named for end in range(1, len(words))) - named.keys()


def find(words: Sequence[str]) -> Named | None:
    """The command that words without global flags begin with; None for none."""
    same = (_SAME.get(words[0], words[0]), *words[1:]) if words else ()
    # The longest name is meant: `buildx history inspect` has a command below it.
    for count in range(min(4, len(same)), 0, -1):
        row = _by_words().get(same[:count])
        if row is not None:
            shown = words[0] if count == 1 and words[0] in row.also else row.name
            return Named(row, f"docker {shown}", tuple(same[count:]))
    return None


def group_of(words: Sequence[str]) -> tuple[str, ...]:
    """The longest group that words begin with; empty for none."""
    same = (_SAME.get(words[0], words[0]), *words[1:]) if words else ()
    lengths = range(min(3, len(same)), 0, -1)
    return next((same[:count] for count in lengths if same[:count] in groups()), ())
