"""Which command of a recipe, as written, each line that make has printed comes from.

make expands a command before it prints it, and does not say which one a line was. A text as written
is known in pieces; between them may stand anything. Matching looks at each piece once, and pairing
at each line a bounded number of times: recipes of thousands of lines are read in linear time.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

BLANKS: Final = " \t\r"
PREFIXES: Final = "-@+ \t"
"""What make itself takes from the beginning of a command, and blanks."""
_GAP: Final = re.compile(r"[\s\\]+")
_LOOKS: Final = 40
"""How often each is looked at, at most and on average, where pairing is not plain."""


class Written(Struct, frozen=True):
    """A text as written: the pieces that stay as they are, between them anything.

    What begins or ends with anything has an empty piece there. `continued`: it is of several lines,
    of which make makes one in a canned recipe, and leaves them alone elsewhere; blanks and
    backslashes count as one blank then, and none around a piece.
    """

    pieces: tuple[str, ...]
    continued: bool = False

    @property
    def literal(self) -> int:
        """How much of it stays as it is."""
        return sum(map(len, self.pieces))

    def expands_to(self, text: str) -> bool:
        """Whether the text, blanks at its end aside, may be what it expands to."""
        if self.continued:
            return self._matches(without_gaps(text))
        # Blanks at the end are a piece's own where what follows it is expanded to nothing.
        return self._matches(text) or self._matches(text.rstrip(BLANKS))

    def _matches(self, text: str) -> bool:
        if len(self.pieces) == 1:
            return text == self.pieces[0]
        first, *others, last = self.pieces
        if not text.startswith(first):
            return False
        at = len(first)
        # Each piece at the first place it can have leaves the most to those after it: no other
        # choice has to be tried, however long the text.
        for piece in others:
            at = text.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return len(text) - at >= len(last) and text.endswith(last)


def without_gaps(text: str) -> str:
    """The text with single blanks for what may stand between lines that are continued."""
    return _GAP.sub(" ", text).strip()


class Command(Struct, frozen=True):
    """A command of a recipe as written: make's prefix characters, what the rest may expand to, and
    that rest's text. `line` is where it begins in the makefile, from 1; of a canned recipe, where
    that is used.
    """

    prefix: str
    written: Written
    text: str
    line: int

    @property
    def ignores_errors(self) -> bool:
        """Whether a failure is no failure (`-`)."""
        return "-" in self.prefix

    @property
    def always_runs(self) -> bool:
        """Whether make runs it in a dry run too (`+`)."""
        return "+" in self.prefix


Pairs = dict[int, int]
"""By line the command that it comes from."""


def matched(lines: Sequence[str], commands: Sequence[Command]) -> list[Command | None]:
    """For each printed line the command it comes from.

    Both are in order. Of all ways to pair them, the one in which most of the text as written is
    there again; of several, the one with the later lines. In recipes of more than a hundred
    commands, of which some are expanded to nothing or to several lines, this holds between
    the lines that can be told by themselves.
    """
    texts = [line.lstrip(PREFIXES) for line in lines]
    pairs = _latest(texts, commands)
    if pairs is None:
        pairs = {}
        before_line = before_command = 0
        for line, command in (*_certain(texts, commands), (len(texts), len(commands))):
            found = _between(texts[before_line:line], commands[before_command:command])
            pairs |= {before_line + i: before_command + j for i, j in found.items()}
            pairs[line] = command
            before_line, before_command = line + 1, command + 1
        del pairs[len(texts)]
    return [commands[pairs[i]] if i in pairs else None for i in range(len(texts))]


def _latest(texts: Sequence[str], commands: Sequence[Command]) -> Pairs | None:
    """Each command with the latest line it can have; None where one has none."""
    pairs: Pairs = {}
    line = len(texts)
    for number in range(len(commands) - 1, -1, -1):
        written = commands[number].written
        line -= 1
        while line >= 0 and not written.expands_to(texts[line]):
            line -= 1
        if line < 0:
            return None
        pairs[line] = number
    return pairs


def _certain(texts: Sequence[str], commands: Sequence[Command]) -> list[tuple[int, int]]:
    """Lines and commands that can only belong together: the same text, once here and once there."""
    plain = [c.written.pieces[0] for c in commands if _is_plain(c)]
    once = {text for text, count in Counter(plain).items() if count == 1}
    ends = [text.rstrip(BLANKS) for text in texts]
    counted = Counter(ends)
    places = {text: line for line, text in enumerate(ends) if counted[text] == 1}
    pairs = [
        (places[text], number)
        for number, command in enumerate(commands)
        if _is_plain(command) and (text := command.written.pieces[0]) in once and text in places
    ]
    return _rising(pairs)


def _is_plain(command: Command) -> bool:
    return len(command.written.pieces) == 1 and not command.written.continued


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most of the pairs, of which the second parts rise, so that the first do too."""
    ends: list[int] = []
    of_ends: list[int] = []
    before: list[int] = []
    for number, (line, _) in enumerate(pairs):
        place = bisect_left(ends, line)
        before.append(of_ends[place - 1] if place else -1)
        ends[place : place + 1] = [line]
        of_ends[place : place + 1] = [number]
    found: list[tuple[int, int]] = []
    number = of_ends[-1] if of_ends else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _between(texts: Sequence[str], commands: Sequence[Command]) -> Pairs:
    """The pairs among texts and commands of which no pair is certain."""
    if not texts or not commands:
        return {}
    pairs = _latest(texts, commands)
    if pairs is not None:
        return pairs
    if len(texts) * len(commands) <= _LOOKS * (len(texts) + len(commands)):
        return _best(texts, commands)
    return _nearly_best(texts, commands)


def _best(texts: Sequence[str], commands: Sequence[Command]) -> Pairs:
    weights = [1 + command.written.literal for command in commands]
    # best[i][j]: how much is there again of the lines from i, made of the commands from j.
    best = [[0] * (len(commands) + 1) for _ in range(len(texts) + 1)]
    paired: set[tuple[int, int]] = set()
    for i in range(len(texts) - 1, -1, -1):
        for j in range(len(commands) - 1, -1, -1):
            without = max(best[i + 1][j], best[i][j + 1])
            together = best[i + 1][j + 1] + weights[j]
            if together > without and commands[j].written.expands_to(texts[i]):
                paired.add((i, j))
                without = together
            best[i][j] = without
    pairs: Pairs = {}
    j = 0
    for i in range(len(texts)):
        while j < len(commands) and (i, j) not in paired and best[i][j + 1] == best[i][j]:
            j += 1
        if (i, j) in paired:
            pairs[i] = j
            j += 1
    return pairs


def _nearly_best(texts: Sequence[str], commands: Sequence[Command]) -> Pairs:
    """The commands of which something stays with the latest lines they can have, and the others,
    which may be anything, with the lines between. Those that are left have no line.
    """
    looks = _LOOKS * (len(texts) + len(commands))
    pairs: Pairs = {}
    line = len(texts)
    for number in range(len(commands) - 1, -1, -1):
        written = commands[number].written
        at = line - 1 if any(written.pieces) else -1
        while at >= 0 and looks and not written.expands_to(texts[at]):
            at -= 1
            looks -= 1
        if at >= 0 and looks:
            pairs[at] = number
            line = at
    solid = sorted(pairs.items())
    ends = zip([(-1, -1), *solid], [*solid, (len(texts), len(commands))], strict=True)
    for (line, command), (next_line, next_command) in list(ends):
        others = range(next_command - 1, command, -1)
        loose = [number for number in others if not any(commands[number].written.pieces)]
        pairs |= dict(zip(range(next_line - 1, line, -1), loose, strict=False))
    return pairs
