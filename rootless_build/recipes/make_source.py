"""Makefiles as text, for what make does not tell: prefixes of recipe lines, special targets.

GNU make alone reads a Makefile right. What is found here only refines what make has printed, and
an expansion counts as unknown text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rootless_build.data import dataclass

_TARGET_VARIABLE: Final = re.compile(
    r"^(?!\t)[^#\n=]*[^#\n=:?+!]:(?!:?:?=)[^=\n;|]*?[\w.)}-]+\s*(?::{0,3}|\?|\+|!)=", re.MULTILINE
)
_DEFINE: Final = re.compile(
    r"^ *(?:override +|export +)*define +(?P<name>[^\s=:?+]+)[^\n]*\n(?P<body>.*?)^ *endef\b",
    re.MULTILINE | re.DOTALL,
)
_SPLICED: Final = re.compile(
    r"(?P<prefix>[-@+\s]*)\$[({](?:call\s+)?(?P<name>[^\s(){},$]+)[^$]*[)}]"
)
_SAYS: Final = re.compile(r"\$[({](?:info|warning|error|eval|file)\s")
_INFO: Final = re.compile(r"\$[({]info\s")
_AUTOMATIC: Final = re.compile(r"\$[({]?[@%<?^+*|]")
_CONTINUED: Final = re.compile(r"[ \t]*\\\n[ \t]*")
_GAP: Final = r"[\s\\]+"
_ANYTHING: Final = r"[\s\S]*"
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a recipe as written: make's prefix characters, and what it may expand to."""

    prefix: str
    pattern: re.Pattern[str]

    @property
    def literal(self) -> int:
        """How much of it is text that stays as it is."""
        return len(self.pattern.pattern.replace(_ANYTHING, ""))

    @property
    def ignores_errors(self) -> bool:
        """Whether a failure is no failure (`-`)."""
        return "-" in self.prefix

    @property
    def always_runs(self) -> bool:
        """Whether make runs it in a dry run too (`+`)."""
        return "+" in self.prefix


class Sources:
    """The makefiles that were read."""

    def __init__(self, files: Sequence[Path]) -> None:
        texts = {}
        self.complete = bool(files)
        for file in files:
            try:
                texts[file] = file.read_text(errors="surrogateescape")
            except OSError:
                self.complete = False
        self._texts = texts
        self._said = [
            re.compile(_pattern(text[found.end() : _reference(text, found.start()) - 1]))
            for text in texts.values()
            for found in _INFO.finditer(text)
        ]
        self._defined = {
            found["name"]: found["body"]
            for text in texts.values()
            for found in _DEFINE.finditer(text)
        }

    def has_target_variables(self) -> bool:
        """Whether a target may have variables of its own; True where that can't be known."""
        return not self.complete or any(map(_TARGET_VARIABLE.search, self._texts.values()))

    def automatic_variables(self) -> list[str]:
        """Where a variable of a target may be made of the target's name or prerequisites."""
        return [
            f"{file.name}:{text.count(chr(10), 0, found.start()) + 1}"
            for file, text in self._texts.items()
            for found in _TARGET_VARIABLE.finditer(text)
            if _AUTOMATIC.search(text[found.end() :].partition("\n")[0])
        ]

    def has_special(self, target: str) -> bool:
        """Whether a special target such as `.ONESHELL` stands in one of them."""
        row = re.compile(rf"^{re.escape(target)}\s*:", re.MULTILINE)
        return any(map(row.search, self._texts.values()))

    def says(self, line: str) -> bool:
        """Whether one of them may print the line itself, by `$(info …)`."""
        return any(pattern.fullmatch(line) for pattern in self._said)

    def commands(self, file: Path, line: int) -> list[Command]:
        """The commands of the recipe that begins at that line, from 1."""
        text = self._texts.get(file)
        if text is None:
            return []
        rows = text.splitlines()[line - 1 :]
        if rows and not rows[0].startswith("\t"):
            # `target: ; command`, all on the rule's own line.
            rows[0] = "\t" + rows[0].partition(";")[2]
        return [
            Command(prefix, pattern)
            for written in _recipe(rows)
            for prefix, pattern in self._expanded(written, "", _DEPTH)
        ]

    def _expanded(
        self, written: str, before: str, depth: int
    ) -> Iterator[tuple[str, re.Pattern[str]]]:
        spliced = _SPLICED.fullmatch(written.strip())
        if spliced and depth and spliced["name"] in self._defined:
            for row in _joined(self._defined[spliced["name"]].splitlines()):
                yield from self._expanded(row, before + spliced["prefix"], depth - 1)
            return
        body = written.lstrip("-@+ \t")
        prefix = before + written[: len(written) - len(body)]
        pattern = _pattern(body)
        if pattern:
            yield prefix, re.compile(pattern)


def matched(lines: Sequence[str], commands: Sequence[Command]) -> list[Command | None]:
    """For each printed line the command it comes from.

    Both are in order. Of all ways to pair them, the one in which most of the text as written is
    there again.
    """
    best: dict[tuple[int, int], tuple[int, tuple[Command | None, ...]]] = {}
    for i in range(len(lines), -1, -1):
        for j in range(len(commands), -1, -1):
            ways: list[tuple[int, tuple[Command | None, ...]]] = []
            if i < len(lines):
                score, rest = best[i + 1, j]
                ways.append((score, (None, *rest)))
            if j < len(commands):
                ways.append(best[i, j + 1])
            if i < len(lines) and j < len(commands):
                command = commands[j]
                if command.pattern.fullmatch(lines[i].lstrip("-@+ \t")):
                    score, rest = best[i + 1, j + 1]
                    ways.append((score + 1 + command.literal, (command, *rest)))
            best[i, j] = max(ways, key=lambda way: way[0], default=(0, ()))
    return list(best[0, 0][1])


def _recipe(rows: Sequence[str]) -> Iterator[str]:
    taken: list[str] = []
    continued = False
    for row in rows:
        blank = not row.strip() or row.lstrip(" ").startswith("#")
        if not continued and not row.startswith("\t") and not blank:
            break
        if continued or not blank:
            taken.append(row)
        continued = _continues(row)
    for command in _joined(taken):
        yield command.removeprefix("\t")


def _joined(rows: Sequence[str]) -> Iterator[str]:
    """Commands, their continuation lines as make hands them on: less the tab they begin with."""
    held: list[str] = []
    for row in rows:
        held.append(row.removeprefix("\t") if held else row)
        if not _continues(row):
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _continues(row: str) -> bool:
    return (len(row) - len(row.rstrip("\\"))) % 2 == 1


def _pattern(text: str) -> str:
    """A regular expression for what the text can expand to; empty where that is nothing."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith("$$", at):
            pieces.append(r"\$")
            at += 2
        elif text[at] == "$":
            end = _reference(text, at)
            says = _SAYS.match(text, at)
            pieces.append("" if says else _ANYTHING)
            at = end
        elif gap := _CONTINUED.match(text, at):
            # make makes one space of it in a canned recipe, and leaves it alone elsewhere.
            pieces.append(_GAP)
            at = gap.end()
        else:
            pieces.append(re.escape(text[at]))
            at += 1
    return "".join(pieces).strip(" ")


def _reference(text: str, at: int) -> int:
    """Where a `$(…)`, `${…}` or `$x` that begins here ends."""
    opening = text[at + 1 : at + 2]
    closing = {"(": ")", "{": "}"}.get(opening)
    if closing is None:
        return at + 2
    depth, end = 1, at + 2
    while end < len(text) and depth:
        depth += {opening: 1, closing: -1}.get(text[end], 0)
        end += 1
    return end
