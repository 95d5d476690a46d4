"""Cases that nobody thought of: contexts and lines of COPY made at random, the same each time.

Every case takes the whole of each context in the end: BuildKit sends only what a build names, and
what is there for a wildcard depends on that. Files have sizes and times of their own: docker takes
files of one size and time for the same.

A hundred of them are recorded. Others, by hand and by the thousand, in a checkout that nobody
commits: with RBUILD_RANDOM="1000 1000" (the first number, and how many) in the environment of
`contrib/reference random`, and then of the tests that build them: tests/unit/images/layers without
an engine, tests/containerfiles/test_random.py with podman and buildah. Of a thousand, four or so
differ, in what docker's exporter leaves out of an image, and a RUN there sees: a file that took the
place of one of the same mode, owner, size and time (so that it has the hard links of that), and a
directory of which the time alone has changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Final

from tests.reference.case import (
    TIME,
    Archive,
    Case,
    Context,
    Directory,
    Entry,
    Fifo,
    File,
    HardLink,
    Link,
    Member,
)
from tests.reference.dice import Dice

BEFORE: Final = "before"
"""The stage that the last one takes files of, or starts from."""
OTHER: Final = "other"
"""The build context with a name."""
BASE_FILES: Final = "base.tar"
"""The archive that a stage starts with: files that no context can have."""

_NAMES: Final = (
    *("a", "b", "c.o", "d", "e f", ".h", "x.go", "[z]", "\u00e9", "a*b", "back\\n", "A", "l"),
    "0123456789" * 12,
)
_COMMON: Final = ("a", "b", "c.o", "d")
_PATTERNS: Final = (
    *("*.o", "a", "**/b", "*/a", "d/**", "!a", "a/b", "[ab]", "**", "*", "d", "**/*.o", "!*/a"),
    *("a/*", "?", "[^a]", "/a", "./b", "b/"),
)
_RULES: Final = (
    *("*", "**", "a", "*/a", "**/b", "!a", "!**/a", "d/*", "!d/b", "*.o", "!*/c.o", "a/**", "/b"),
    *("!.h", "b/", "[ab]", "?", "!?/d", "[a-c]", "[^a-c]*", "**/[bd]/*", "!d/**", "**/c.?"),
)
_MODES: Final = (
    *("755", "4711", "600", "u+x", "go=", "a=rX,u+w", "g=u", "7777", "1750", "0", "644", "+t"),
    *("u+s,g-x", "o=g", "a-w", "go+rX"),
)
_OWNERS: Final = (
    *("5", "5:6", ":7", "0:3", "joe", "joe:staff", "ann:9", "7:staff", "nobody", "root:root"),
)
_FILE_MODES: Final = (0o644, 0o755, 0o600, 0o4755, 0o2711, 0o1644, 0o6775, 0o444)
_DIRECTORY_MODES: Final = (0o755, 0o700, 0o750, 0o1777, 0o2755, 0o3775)
_HOLE: Final = 20_000
_TICK: Final = 1_000_000_007
_USERS: Final = "root:x:0:0::/:/bin/sh\njoe:x:1234:4321::/:/bin/sh\nann:x:77:78::/:/bin/sh\n"
_GROUPS: Final = "root:x:0:\nstaff:x:50:joe\n"


class _Files:
    """The names and the entries of one tree."""

    def __init__(self, dice: Dice, first: int) -> None:
        self._dice = dice
        self._first = first
        self._above: dict[str, None] = {}
        self.made: dict[str, Entry | str] = {}

    def add(self, number: int) -> None:
        """One more, if there is a place for it."""
        path = _path(self._dice, 4)
        parents = ["/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 1)]
        blocked = any(not isinstance(self.made.get(one, Directory()), Directory) for one in parents)
        if path in self.made or path in self._above or blocked:
            return
        self._above.update(dict.fromkeys(parents))
        self.made[path] = self._entry(self._first + number)

    def _entry(self, number: int) -> Entry:
        dice, time = self._dice, TIME + number * _TICK
        files = [name for name, entry in self.made.items() if isinstance(entry, File)]
        kind = dice.weighed(
            [(54, "file"), (5, "hole"), (16, "directory"), (16, "link"), (7, "hard"), (2, "fifo")]
        )
        if kind == "directory":
            return Directory(dice.one(*_DIRECTORY_MODES), mtime=time)
        if kind == "link":
            return Link(self._target(), mtime=time)
        if kind == "hard" and files:
            return HardLink(dice.one(*files))
        if kind == "fifo":
            return Fifo(mtime=time)
        size = _HOLE + number if kind == "hole" else 0
        return File("x" * (number + 1), mode=dice.one(*_FILE_MODES), mtime=time, size=size)

    def _target(self) -> str:
        dice = self._dice
        names = [*self.made, *self._above] or ["a"]
        if dice.often(0.6):
            return f"/{dice.one(*names)}"
        return dice.one(
            *(_path(dice, 2), f"../{_path(dice, 2)}", f"/{_path(dice, 2)}", ".", "..", "/"),
            *("nowhere", "/nowhere/x", "../../../a"),
            *(dice.one(*names) for _ in range(3)),
        )


def _path(dice: Dice, depth: int) -> str:
    names = (
        dice.one(*(_COMMON if dice.often(0.75) else _NAMES))
        for _ in range(min(dice.number(1, depth), dice.number(1, depth)))
    )
    return "/".join(names)


def _context(dice: Dice, first: int = 0) -> Context:
    files = _Files(dice, first)
    for number in range(dice.number(4, 14)):
        files.add(number)
    return files.made or {"a": File("x", mtime=TIME + first * _TICK)}


def _archive(dice: Dice) -> Archive:
    """Of what a context can't have: owners, names that are no text, devices."""
    members = []
    for name, entry in _context(dice, 40).items():
        owner = dice.one((0, 0), (0, 0), (5, 6), (1234, 4321), (60000, 60001))
        match entry:
            case File():
                kind, content, mode = "file", "y" * len(entry.content), entry.mode
            case Directory():
                kind, content, mode = "dir", "", entry.mode
            case Link():
                members.append(Member(name, entry.target, "link", 0o777, owner, entry.mtime))
                continue
            case _:
                continue
        members.append(Member(name, content, kind, mode, owner, entry.mtime))
    members += [
        Member("etc/passwd", _USERS, mtime=TIME),
        Member("etc/group", _GROUPS, mtime=TIME),
    ]
    if dice.often(0.3):
        members.append(Member("d/\udcff", "1", mtime=TIME + 60 * _TICK))
    if dice.often(0.3):
        members.append(Member("a/pipe", "", "fifo", mtime=TIME + 61 * _TICK))
    return Archive(tuple(members), dice.one("", "gz"))


class _Stage:
    """The lines of a stage, and the names that are in the way by now."""

    def __init__(self, dice: Dice, begin: str, present: Context) -> None:
        self._dice = dice
        self.lines = [begin]
        self.present = dict(present)

    def add(self, kind: str, source: Context, flags: list[str]) -> None:
        """One more instruction, which takes files of `source`."""
        dice = self._dice
        if dice.often(0.07):
            self.lines.append(f"WORKDIR {self._destination(source).replace(' ', '')}")
        if dice.often(0.03):
            self.lines.append(f"USER {dice.one('5', '0', '7:8')}")
        words = [*flags, *self._flags()]
        sources = [self._source(source) for _ in range(max(1, dice.number(-2, 3)))]
        if kind == "COPY" and dice.often(0.15):
            words.append("--parents")
            sources = [one if one.strip("./") else "*" for one in sources]
            sources = [one.replace("/", "/./", 1) if dice.often(0.3) else one for one in sources]
        listed = [*sources, self._destination(source)]
        plain = all(word.isascii() and word.isprintable() and " " not in word for word in listed)
        plain = plain and not any(mark in word for mark in "\\[" for word in listed)
        written = " ".join(listed) if plain and dice.often(0.5) else json.dumps(listed)
        self.lines.append(" ".join([kind, *words, written]))

    def _flags(self) -> Iterator[str]:
        dice = self._dice
        if dice.often(0.2):
            named = "etc/passwd" in self.present or dice.often(0.1)
            yield f"--chown={dice.one(*_OWNERS if named else _OWNERS[:4])}"
        if dice.often(0.2):
            yield f"--chmod={dice.one(*_MODES)}"
        yield from (f"--exclude={dice.one(*_PATTERNS)}" for _ in range(dice.number(-3, 2)))
        if dice.often(0.1):
            yield "--link"

    def _destination(self, source: Context) -> str:
        dice = self._dice
        there = [name for name in (*self.present, *source) if dice.often(0.3)] or ["zz/a"]
        fresh = dice.one("x", "y", "a", "b", "d", "new/y", ".", "v/w", "u", "t")
        path = dice.one(*there) if dice.often(0.35) else fresh
        path += f"/{dice.one(*_COMMON)}" if dice.often(0.25) else ""
        path += f"/../{dice.one(*_COMMON)}" if dice.often(0.05) else ""
        path += dice.weighed([(50, ""), (45, "/"), (3, "/."), (2, "//")])
        return path if dice.often(0.1) else f"/{path}"

    def _source(self, source: Context) -> str:
        dice = self._dice
        path = dice.one(*source)
        if isinstance(source[path], Link):
            # Most lead nowhere.
            path = dice.one(*source)
        names = path.split("/")
        kind = dice.number(1, 50)
        if kind <= 10:
            return dice.one(".", ".", "/", "./")
        if kind <= 20:
            return _literal(names[0])
        if kind <= 38:
            return _literal(path) + (dice.one("/", "/.", "/a", "/../a") if kind == 38 else "")
        if kind <= 49:
            wild = ("*", "*", "?", "[a-d]", "*.o", "[^b]", "**", "[\\b]", "?*", "*[ab]")
            names[dice.number(0, len(names) - 1)] = dice.one(*wild)
            return "/".join(names)
        return dice.one("nothing", "../a", "a/nothing")


def _literal(path: str) -> str:
    """A path whose wildcards stand for themselves."""
    return "".join(f"\\{each}" if each in "*?[\\" else each for each in path)


def _ignored(dice: Dice, context: Context) -> str | None:
    if dice.often(0.85):
        return None
    some = list(context)[:3]
    rules = (*_RULES, *some, *(f"!{name}" for name in some))
    return "".join(f"{dice.one(*rules)}\n" for _ in range(dice.number(1, 4)))


def _case(seed: int) -> Case:
    dice = Dice(seed)
    context = _context(dice)
    ignore = _ignored(dice, context)
    whole = {**context, BASE_FILES: _archive(dice)} if dice.often(0.4) else context
    other = _context(dice, 80) if dice.often(0.15) else None
    stages, present = _before(dice, whole)
    begin = BEFORE if stages and dice.often(0.4) else "scratch"
    last = _Stage(dice, f"FROM {begin}", present if begin == BEFORE else {})
    for _ in range(dice.number(1, 3)):
        kind = "ADD" if dice.often(0.06) else "COPY"
        if other and dice.often(0.4):
            last.add("COPY", other, [f"--from={OTHER}"])
        elif stages and dice.often(0.6):
            last.add("COPY", present, [f"--from={BEFORE}"])
        else:
            last.add(kind, context, [])
        last.present |= context
    last.lines += [f"COPY --from={OTHER} . /zo/"] if other else []
    return Case(
        f"random {seed}",
        "\n".join([*stages, *last.lines, "COPY . /zz/"]) + "\n",
        whole,
        ignore,
        {OTHER: other} if other else {},
    )


def _before(dice: Dice, context: Context) -> tuple[list[str], Context]:
    """The lines of the stage before the last one, none for none, and what it may have."""
    archive = context.get(BASE_FILES)
    present: dict[str, Entry | str] = {}
    lines = [f"FROM scratch AS {BEFORE}"]
    if isinstance(archive, Archive):
        lines.append(f'ADD ["{BASE_FILES}", "/"]')
        present |= {each.name: "" for each in archive.members if each.name.isprintable()}
    elif dice.often(0.5):
        return [], {}
    if dice.often(0.8) or len(lines) == 1:
        place = dice.one("", "a/", "x/", "s/")
        lines.append(f"COPY . /{place}")
        copied = ((f"{place}{name}", each) for name, each in context.items() if name != BASE_FILES)
        present |= dict(copied)
    return lines, present


def cases(first: int, count: int) -> Iterator[Case]:
    """So many of them, each with a number of its own from `first` on."""
    yield from map(_case, range(first, first + count))


FAMILY: Final = "random"
"""The name of their table."""
NUMBERS: Final = tuple(map(int, os.environ.get("RBUILD_RANDOM", "0 100").split()))
"""The first number, and how many."""
RANDOM: Final = tuple(cases(*NUMBERS))
"""Those that are recorded."""
