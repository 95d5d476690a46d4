"""Cases that nobody thought of: contexts and lines of COPY made at random, the same each time.

Every case takes the whole context in the end: BuildKit sends only what a build names, and what is
there for a wildcard depends on that.

A hundred of them are recorded. Others, by hand and by the thousand, in a checkout that nobody
commits: with RBUILD_RANDOM="1000 1000" (the first number, and how many) in the environment of
`contrib/reference random`, and then of the tests of tests/unit/images/layers.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from typing import Final

from tests.reference.case import TIME, Case, Context, Directory, Entry, Fifo, File, HardLink, Link
from tests.reference.case import scratch as on_nothing

_NAMES: Final = ("a", "b", "c.o", "d", "e f", ".h", "x.go", "[z]")
_COMMON: Final = _NAMES[:4]
_PATTERNS: Final = ("*.o", "a", "**/b", "*/a", "d/**", "!a", "a/b", "[ab]")
_RULES: Final = (
    *("*", "**", "a", "*/a", "**/b", "!a", "!**/a", "d/*", "!d/b", "*.o", "!*/c.o", "a/**", "/b"),
    *("!.h", "b/", "[ab]", "?", "!?/d"),
)
_MODES: Final = ("755", "4711", "600", "u+x", "go=", "a=rX,u+w", "g=u")
_TICK: Final = 1_000_000_007_000
"""Between the times of two files: docker takes files of one size and time for the same."""


class _Dice:
    """Choices of one case."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, *choices: str) -> str:
        return self._random.choice(choices)

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)

    def often(self, share: float) -> bool:
        return self._random.random() < share

    def path(self, depth: int) -> str:
        names = (
            self.one(*(_COMMON if self.often(0.7) else _NAMES))
            for _ in range(self.number(1, depth))
        )
        return "/".join(names)


def _context(dice: _Dice) -> Context:
    made: dict[str, Entry | str] = {}
    above: set[str] = set()
    for number in range(dice.number(4, 12)):
        path = dice.path(3)
        parents = ["/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 1)]
        blocked = any(not isinstance(made.get(one, Directory()), Directory) for one in parents)
        if path in made or path in above or blocked:
            continue
        above.update(parents)
        made[path] = _entry(dice, made, sorted(above), TIME + number * _TICK)
    return made


def _entry(dice: _Dice, made: Context, above: list[str], time: int) -> Entry:
    files = [name for name, entry in made.items() if isinstance(entry, File)]
    kind = dice.number(1, 100)
    if kind <= 55:
        mode = int(dice.one("644", "755", "600", "4755", "2711"), 8)
        return File("x" * (len(made) + 1), mode=mode, mtime=time)
    if kind <= 70:
        return Directory(int(dice.one("755", "700", "750", "1777"), 8), mtime=time)
    if kind <= 93:
        anything = [f"/{name}" for name in (*made, *above)] or ["a"]
        target = dice.one(dice.path(2), f"../{dice.path(2)}", ".", "..", *anything, *files)
        return Link(target, mtime=time)
    return HardLink(dice.one(*files)) if files and kind <= 97 else Fifo(mtime=time)


def _destination(dice: _Dice, context: Context) -> str:
    known = [name for name in context if dice.often(0.4)]
    path = "/" + dice.one(*known, "x", "y", "a", "b", "d", "new/y", ".")
    path += f"/{dice.one(*_COMMON)}" if dice.often(0.3) else ""
    path += f"/../{dice.one(*_COMMON)}" if dice.often(0.05) else ""
    return path + ("/" if dice.often(0.5) else "")


def _source(dice: _Dice, context: Context) -> str:
    path = dice.one(*context)
    names = path.split("/")
    kind = dice.number(1, 10)
    if kind <= 2:
        return "."
    if kind <= 4:
        return names[0]
    if kind <= 7:
        return path
    if kind <= 9:
        names[dice.number(0, len(names) - 1)] = dice.one("*", "?", "[a-d]", "*.o", "[^b]", "**")
        return "/".join(names)
    return path + (dice.one("/", "/.", "/a", "/../a") if dice.often(0.3) else "")


def _copy(dice: _Dice, context: Context, stage: str = "") -> str:
    if dice.often(0.08):
        return f"WORKDIR {_destination(dice, context).replace(' ', '')}"
    words = [stage] if stage else []
    words += [f"--chown={dice.one('5', '5:6', ':7', '0:3')}"] if dice.often(0.2) else []
    words += [f"--chmod={dice.one(*_MODES)}"] if dice.often(0.2) else []
    excluded = dice.number(-2, 2)
    words += [f"--exclude={dice.one(*_PATTERNS)}" for _ in range(excluded)]
    parents = dice.often(0.15)
    words += ["--parents"] if parents else []
    words += ["--link"] if dice.often(0.1) else []
    sources = [_source(dice, context) for _ in range(max(1, dice.number(-1, 3)))]
    if parents:
        sources = [one.replace("/", "/./", 1) if dice.often(0.3) else one for one in sources]
    array = json.dumps([*sources, _destination(dice, context)])
    return " ".join(["COPY", *words, array])


def _ignored(dice: _Dice, context: Context) -> str | None:
    if dice.often(0.75):
        return None
    some = list(context)[:3]
    rules = (*_RULES, *some, *(f"!{name}" for name in some))
    return "".join(f"{dice.one(*rules)}\n" for _ in range(dice.number(1, 4)))


def _case(seed: int) -> Case:
    dice = _Dice(seed)
    context = _context(dice)
    lines = [_copy(dice, context) for _ in range(dice.number(1, 2))]
    if dice.often(0.5):
        lines = ["COPY . /", *lines[1:], "FROM scratch"]
        lines += [_copy(dice, context, "--from=0") for _ in range(dice.number(1, 2))]
    return Case(
        f"random {seed}", on_nothing(*lines, "COPY . /zz/"), context, _ignored(dice, context)
    )


def cases(first: int, count: int) -> Iterator[Case]:
    """So many of them, each with a number of its own from `first` on."""
    yield from map(_case, range(first, first + count))


FAMILY: Final = "random"
"""The name of their table."""
_FIRST, _COUNT = map(int, os.environ.get("RBUILD_RANDOM", "0 100").split())
RANDOM: Final = tuple(cases(_FIRST, _COUNT))
"""Those that are recorded; no engine builds them in CI, only the maker of layers."""
