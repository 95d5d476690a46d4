"""Makefiles as text, for what make does not tell: prefixes of recipe lines, special targets.

GNU make alone reads a Makefile right. What is found here only refines what make has printed, and
an expansion counts as unknown text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.recipes.make import options, values
from rootless_build.recipes.make.matching import BLANKS, PREFIXES, Command, Written, without_gaps

_SETS: Final = re.compile(r"[\w.)}-][ \t]*(?::{0,3}|\?|\+|!)\Z")
"""Ends what stands before the `=` of a variable."""
_RULE: Final = re.compile(r"[^#:?+!]:")
_SPLICED: Final = re.compile(
    r"(?P<prefix>[-@+\s]*)\$[({](?:call\s+)?(?P<name>[^\s(){},$]++)[^$]*[)}]"
)
_SAYS: Final = re.compile(r"\$[({](?:info|warning|error|eval|file)\s")
_INFO: Final = re.compile(r"\$[({]info\s")
_SPECIAL: Final = re.compile(r"\$|\\\n[ \t]*")
_DEPTH: Final = 4
_COMMANDS: Final = 100_000
"""Commands that are looked at, those of canned recipes wherever they are used included."""
_NESTED: Final = 100
"""So many `$(info …)` in others are read as texts of their own."""


class Sources:
    """The makefiles that were read."""

    def __init__(self, files: Sequence[Path]) -> None:
        texts = {}
        self.complete = bool(files)
        for file in files:
            try:
                # Lines end for make at a newline, and nowhere else.
                texts[file] = plain.content(file).decode(errors="surrogateescape")
            except OSError:
                self.complete = False
        self._texts = texts
        self._rows: dict[Path, list[str]] = {}
        self._special: dict[str, bool] = {}
        self._left = _COMMANDS
        self._said = _Said(said for text in texts.values() for said in _informs(text))
        self._defined = {
            name: body for text in texts.values() for name, _, body in values.definitions(text)[0]
        }

    def has_target_variables(self) -> bool:
        """Whether a target may have variables of its own; True where that can't be known."""
        return not self.complete or any(
            any(_target_variables(text)) for text in self._texts.values()
        )

    @functools.cached_property
    def unknown_values(self) -> Mapping[str, str]:
        """The variables whose values can't be asked for, each with what it is made of."""
        return values.unknown(self._texts.values())

    def options_in_use(self) -> options.Use:
        """How the makefiles use make's own options; in every way where that can't be known."""
        return options.use(self._texts.values() if self.complete else None)

    def asks_for_options(self) -> list[str]:
        """Where one of them depends on what is in make's own options, recipes aside."""
        return [
            f"{file.name}:{number}"
            for file, text in self._texts.items()
            for number in options.asked(re.sub(r"(?m)^\t.*", "", text))
        ]

    def has_special(self, target: str) -> bool:
        """Whether a special target such as `.ONESHELL` stands in one of them."""
        if target not in self._special:
            row = re.compile(rf"^{re.escape(target)}\s*:", re.MULTILINE)
            self._special[target] = any(map(row.search, self._texts.values()))
        return self._special[target]

    def exports(self, variable: str) -> bool:
        """Whether a makefile exports that variable by name."""
        row = re.compile(
            rf"^ *(?:override +)?export[ \t]+(?:[^=\n#]*[ \t])?{re.escape(variable)}(?![\w.-])",
            re.MULTILINE,
        )
        return any(map(row.search, self._texts.values()))

    def says(self, line: str) -> bool:
        """Whether a makefile may print the line itself, by `$(info …)`."""
        return self._said.has(line)

    def commands(self, file: Path, line: int) -> list[Command]:
        """The commands of the recipe that begins at that line, from 1."""
        if file not in self._texts:
            return []
        if file not in self._rows:
            self._rows[file] = self._texts[file].split("\n")
        rows = self._rows[file]
        first = rows[line - 1] if line <= len(rows) else ""
        if not first.startswith("\t"):
            # `target: ; command`, all on the rule's own line.
            first = "\t" + first.partition(";")[2]
        recipe = _recipe(first, (rows[n] for n in range(line, len(rows))))
        return [
            command
            for after, row in recipe
            for command in self._expanded(row, "", _DEPTH, line + after)
        ]

    def _expanded(self, written: str, before: str, depth: int, line: int) -> Iterator[Command]:
        self._left -= 1 + len(written) // 16
        if self._left < 0:
            return
        spliced = _SPLICED.fullmatch(written.strip())
        if spliced and depth and spliced["name"] in self._defined:
            rows = self._defined[spliced["name"]].split("\n")
            self._left -= len(rows)
            for _, row in _joined(enumerate(rows)):
                if self._left < 0:
                    return
                yield from self._expanded(row, before + spliced["prefix"], depth - 1, line)
            return
        body = written.lstrip(PREFIXES)
        prefix = before + written[: len(written) - len(body)]
        found = _written(body)
        if len(found.pieces) > 1 or found.literal:
            yield Command(prefix, found, body, line)


class _Said:
    """What makefiles may print by `$(info …)`."""

    def __init__(self, texts: Iterable[Written]) -> None:
        # By what they begin and end with: of thousands a few are looked at.
        self._by_ends: dict[tuple[str, str], set[Written]] = {}
        self._known: dict[str, bool] = {}
        for text in texts:
            self._by_ends.setdefault((text.pieces[0], text.pieces[-1]), set()).add(text)
        self._sizes = sorted({(len(first), len(last)) for first, last in self._by_ends})

    def has(self, line: str) -> bool:
        """Whether the line may be one of them."""
        if line not in self._known:
            self._known[line] = any(said.expands_to(line) for said in self._near(line))
        return self._known[line]

    def _near(self, line: str) -> Iterator[Written]:
        texts = dict.fromkeys((line, line.rstrip(BLANKS), without_gaps(line)))
        for first, last in self._sizes:
            for text in texts:
                ends = (text[:first], text[len(text) - last :] if last <= len(text) else text)
                yield from self._by_ends.get(ends, ())


def _informs(text: str) -> Iterator[Written]:
    inner = end = 0
    for found in _INFO.finditer(text):
        if found.start() < end:
            inner += 1
            if inner > _NESTED:
                continue
        end = max(end, _reference(text, found.start()))
        yield _written(text[found.end() : _reference(text, found.start()) - 1])


def _recipe(first: str, others: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Commands, each with how many lines after the first it begins."""
    taken = [(0, first)] if first.strip() else []
    continued = _continues(first)
    for number, row in enumerate(others, 1):
        blank = not row.strip() or row.lstrip(" ").startswith("#")
        if not continued and not row.startswith("\t") and not blank:
            break
        if continued or not blank:
            taken.append((number, row))
        continued = _continues(row)
    for number, command in _joined(taken):
        yield number, command.removeprefix("\t")


def _joined(rows: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Commands, each with the number of the row it begins at, their continuation lines as make
    hands them on: less the tab they begin with.
    """
    held: list[str] = []
    begins = 0
    for number, row in rows:
        begins = begins if held else number
        held.append(row.removeprefix("\t") if held else row)
        if not _continues(row):
            yield begins, "\n".join(held)
            held = []
    if held:
        yield begins, "\n".join(held)


def _continues(row: str) -> bool:
    return (len(row) - len(row.rstrip("\\"))) % 2 == 1


def _target_variables(text: str) -> Iterator[tuple[int, str]]:
    """Where a target has a variable of its own: the line, and the value as written."""
    for number, row in enumerate(text.split("\n"), 1):
        before, equals, value = row.partition("=")
        if not equals or row.startswith("\t"):
            continue
        rule = _RULE.search(before)
        after = before[rule.end() :] if rule else ":"
        of_target = after.strip(":") and not re.search(r"[;|]", after) and "#" not in before
        if of_target and _SETS.search(after):
            yield number, value


def _written(text: str) -> Written:
    """What the text can expand to, the blanks around it aside."""
    text = text.strip(BLANKS)
    pieces: list[list[str]] = [[]]
    continued = False
    at = 0
    while found := _SPECIAL.search(text, at):
        pieces[-1].append(text[at : found.start()])
        at = found.end()
        if found[0] != "$":
            # make makes one space of it in a canned recipe, and leaves it alone elsewhere.
            pieces[-1].append(" ")
            continued = True
        elif text.startswith("$", at):
            pieces[-1].append("$")
            at += 1
        else:
            if not _SAYS.match(text, found.start()):
                pieces.append([])
            at = _reference(text, found.start())
    pieces[-1].append(text[at:])
    joined = tuple(map("".join, pieces))
    return Written(tuple(map(without_gaps, joined)) if continued else joined, continued)


_BRACKETS: Final = {"(": re.compile(r"[()]"), "{": re.compile(r"[{}]")}


def _reference(text: str, at: int) -> int:
    """Where a `$(…)`, `${…}` or `$x` that begins here ends."""
    opening = text[at + 1 : at + 2]
    brackets = _BRACKETS.get(opening)
    if brackets is None:
        return at + 2
    depth = 1
    for found in brackets.finditer(text, at + 2):
        depth += 1 if found[0] == opening else -1
        if not depth:
            return found.end()
    return len(text)
