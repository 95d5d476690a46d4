"""Ignore files that nobody thought of, over a tree that is always the same.

A hundred are recorded; others, by hand, as those of `tests.reference.random_cases`. None has a
range that ends before it begins: dockerd 29.1.3 dies of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.reference.case import Case, Context, Directory
from tests.reference.dice import Dice
from tests.reference.random_cases import NUMBERS

_TREE: Final[Context] = {
    **dict.fromkeys(
        (
            *("a", "ab", "abc.md", "A", ".h", "a b", "[z]", "a*b", "back\\n", "\u00e9", "#c", "!n"),
            *("b/a", "b/c", "b/b/a", "d/a", "d/keep", "d/x.md", "d/b/keep", "d/e/keep"),
            *("d/e/a/x.md", "d/.h/a", "c.d/a.b/c", "d/\u00e9"),
        ),
        "",
    ),
    "empty": Directory(),
    "d/none": Directory(0o700),
    "l": "->d/keep",
    "to-d": "->d",
}
_NAMES: Final = ("a", "b", "d", "e", "ab", "keep", "x.md", ".h", "c.d", "a.b", "l", "to-d", "none")
_PARTS: Final = (
    *("*", "*", "**", "**", "?", "??", "a*", "*b", "*.md", "*.*", ".*", "[ab]", "[a-c]", "[^a]"),
    *("[!a]", "[a-c]*", "**a", "a**", "***", "*a*", "?*", "[^.]*", "\\a", "\\*", "a\\*b", "\\[z]"),
    *(
        "\u00e9",
        "?.?",
        "[a-]",
        "[]a]",
        "[",
        "..",
        ".",
        "[\\]a]",
        "[a^]",
        "{a,b}",
        "+",
        "\\",
    ),
)
_RARE: Final = ("#c", "\\#c", "!n", "\\!n", "!", "/", "//", "", "  ", "a b", "\u00a0", "[z]", "A")


def _line(dice: Dice) -> str:
    if dice.often(0.06):
        return dice.one(*_RARE)
    parts = [
        dice.one(*(_NAMES if dice.often(0.55) else _PARTS if dice.often(0.5) else _PARTS[:8]))
        for _ in range(min(dice.number(1, 4), dice.number(1, 4)))
    ]
    start = dice.weighed([(80, ""), (10, "/"), (5, "./"), (5, "**/")])
    end = dice.weighed([(80, ""), (8, "/"), (6, "/**"), (6, "/*")])
    mark = dice.weighed([(64, ""), (34, "!"), (2, "! ")])
    blank = dice.weighed([(92, ""), (4, " "), (4, "\t")])
    return f"{blank}{mark}{start}{'/'.join(parts)}{end}{blank}"


def _case(seed: int) -> Case:
    dice = Dice(seed)
    lines = [_line(dice) for _ in range(dice.number(1, 6))]
    if dice.often(0.3):
        lines.insert(0, dice.one("*", "**", "d", "*/*", "**/a"))
    ends = dice.weighed([(9, "\n"), (1, "\r\n")])
    more = dice.one("", "", "COPY d /x/\n", "COPY */a /y/\n", "COPY --exclude=**/a d /z/\n")
    text = f"FROM scratch\nCOPY . /\n{more}"
    return Case(f"random ignore file {seed}", text, _TREE, ends.join([*lines, ""]))


def cases(first: int, count: int) -> Iterator[Case]:
    """So many of them, each with a number of its own from `first` on."""
    yield from map(_case, range(first, first + count))


FAMILY: Final = "random_ignores"
"""The name of their table."""
RANDOM_IGNORES: Final = tuple(cases(*NUMBERS))
"""Those that are recorded."""
