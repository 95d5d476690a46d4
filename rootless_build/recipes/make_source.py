"""Makefiles as text, for what make does not tell: prefixes of recipe lines, special targets.

GNU make alone reads a Makefile right. What is found here only refines what make has printed, and
an expansion counts as unknown text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.data import dataclass
from rootless_build.recipes import make_options, make_values

_SETS: Final = re.compile(r"[\w.)}-][ \t]*(?::{0,3}|\?|\+|!)\Z")
"""Ends what stands before the `=` of a variable."""
_RULE: Final = re.compile(r"[^#:?+!]:")
_DEFINE: Final = re.compile(
    r"^ *(?:override +|export +)*define +(?P<name>[^\s=:?+]+)[^\n]*\n(?P<body>.*?)^ *endef\b",
    re.MULTILINE | re.DOTALL,
)
_SPLICED: Final = re.compile(
    r"(?P<prefix>[-@+\s]*)\$[({](?:call\s+)?(?P<name>[^\s(){},$]+)[^$]*[)}]"
)
_SAYS: Final = re.compile(r"\$[({](?:info|warning|error|eval|file)\s")
_INFO: Final = re.compile(r"\$[({]info\s")
_CONTINUED: Final = re.compile(r"[ \t]*\\\n[ \t]*")
_GAP: Final = r"[\s\\]+?"
_BLANKS: Final = " \t\r"
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A text as written: the pieces that stay as they are, between them anything.

    What begins or ends with anything has an empty piece there.
    """

    pieces: tuple[re.Pattern[str], ...]

    @property
    def literal(self) -> int:
        """How much of it stays as it is."""
        return sum(len(piece.pattern) for piece in self.pieces)

    def expands_to(self, text: str) -> bool:
        """Whether the text, blanks at its end aside, may be what it expands to."""
        # Blanks at the end are a piece's own where what follows it is expanded to nothing.
        return self._matches(text) or self._matches(text.rstrip(_BLANKS))

    def _matches(self, text: str) -> bool:
        first, *others = self.pieces
        if not others:
            return first.fullmatch(text) is not None
        found = first.match(text)
        # Each piece at the first place it can have leaves the most to those after it: no other
        # choice has to be tried, however long the text.
        for piece in others[:-1]:
            found = piece.search(text, found.end()) if found else None
        last = re.compile(rf"(?:{others[-1].pattern})\Z")
        return found is not None and last.search(text, found.end()) is not None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a recipe as written: make's prefix characters, what the rest may expand to, and
    that rest's text.
    """

    prefix: str
    written: Written
    text: str

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
                # Lines end for make at a newline, and nowhere else.
                texts[file] = file.read_bytes().decode(errors="surrogateescape")
            except OSError:
                self.complete = False
        self._texts = texts
        self._said = [
            _written(text[found.end() : _reference(text, found.start()) - 1])
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
        return not self.complete or any(
            any(_target_variables(text)) for text in self._texts.values()
        )

    def unknown_values(self) -> Mapping[str, str]:
        """The variables whose values can't be asked for, each with what it is made of."""
        return make_values.unknown(self._texts.values())

    def options_in_use(self) -> make_options.Use:
        """How they use make's own options; in every way where that can't be known."""
        return make_options.use(self._texts.values() if self.complete else None)

    def asks_for_options(self) -> list[str]:
        """Where one of them depends on what is in make's own options, recipes aside."""
        return [
            f"{file.name}:{number}"
            for file, text in self._texts.items()
            for number in make_options.asked(re.sub(r"(?m)^\t.*", "", text))
        ]

    def has_special(self, target: str) -> bool:
        """Whether a special target such as `.ONESHELL` stands in one of them."""
        row = re.compile(rf"^{re.escape(target)}\s*:", re.MULTILINE)
        return any(map(row.search, self._texts.values()))

    def exports(self, variable: str) -> bool:
        """Whether one of them exports that variable by name."""
        row = re.compile(
            rf"^ *(?:override +)?export[ \t]+(?:[^=\n#]*[ \t])?{re.escape(variable)}(?![\w.-])",
            re.MULTILINE,
        )
        return any(map(row.search, self._texts.values()))

    def says(self, line: str) -> bool:
        """Whether one of them may print the line itself, by `$(info …)`."""
        return any(said.expands_to(line) for said in self._said)

    def commands(self, file: Path, line: int) -> list[Command]:
        """The commands of the recipe that begins at that line, from 1."""
        text = self._texts.get(file)
        if text is None:
            return []
        rows = text.split("\n")[line - 1 :]
        if rows and not rows[0].startswith("\t"):
            # `target: ; command`, all on the rule's own line.
            rows[0] = "\t" + rows[0].partition(";")[2]
        return [
            command for written in _recipe(rows) for command in self._expanded(written, "", _DEPTH)
        ]

    def _expanded(self, written: str, before: str, depth: int) -> Iterator[Command]:
        spliced = _SPLICED.fullmatch(written.strip())
        if spliced and depth and spliced["name"] in self._defined:
            for row in _joined(self._defined[spliced["name"]].split("\n")):
                yield from self._expanded(row, before + spliced["prefix"], depth - 1)
            return
        body = written.lstrip("-@+ \t")
        prefix = before + written[: len(written) - len(body)]
        found = _written(body)
        if len(found.pieces) > 1 or found.literal:
            yield Command(prefix, found, body)


def matched(lines: Sequence[str], commands: Sequence[Command]) -> list[Command | None]:
    """For each printed line the command it comes from.

    Both are in order. Of all ways to pair them, the one in which most of the text as written is
    there again.
    """
    # best[i][j]: how much is there again of the lines from i, made of the commands from j.
    best = [[0] * (len(commands) + 1) for _ in range(len(lines) + 1)]
    paired: set[tuple[int, int]] = set()
    for i in range(len(lines) - 1, -1, -1):
        for j in range(len(commands) - 1, -1, -1):
            without = max(best[i + 1][j], best[i][j + 1])
            written = commands[j].written
            if written.expands_to(lines[i].lstrip("-@+ \t")):
                together = best[i + 1][j + 1] + 1 + written.literal
                if together > without:
                    paired.add((i, j))
                    without = together
            best[i][j] = without
    found: list[Command | None] = []
    j = 0
    for i in range(len(lines)):
        while j < len(commands) and (i, j) not in paired and best[i][j + 1] == best[i][j]:
            j += 1
        if (i, j) in paired:
            found.append(commands[j])
            j += 1
        else:
            found.append(None)
    return found


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
    text = text.strip(_BLANKS)
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        if text.startswith("$$", at):
            pieces[-1].append(r"\$")
            at += 2
        elif text[at] == "$":
            if not _SAYS.match(text, at):
                pieces.append([])
            at = _reference(text, at)
        elif gap := _CONTINUED.match(text, at):
            # make makes one space of it in a canned recipe, and leaves it alone elsewhere.
            if pieces[-1][-1:] != [_GAP]:
                pieces[-1].append(_GAP)
            at = gap.end()
        else:
            pieces[-1].append(re.escape(text[at]))
            at += 1
    return Written(tuple(re.compile("".join(piece)) for piece in pieces))


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
