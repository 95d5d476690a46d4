"""Containerfiles of ARG, ENV and FROM that nobody thought of: at random, the same each time."""

from __future__ import annotations

import random
from typing import Final

from tests.reference.case import Case, scratch

_PROGRAMS: Final = 40
_LISTS: Final = 10
_LINES: Final = 25
_NAMES: Final = ("A", "B", "C")
_KNOWN: Final = ("TARGETARCH", "TARGETSTAGE", "HTTP_PROXY", "PATH")
_VALUES: Final = (
    *("1", "2", "x$A", "${B:-d}", "$C", "${A:+y}", "'$A'", '"$B c"', "", "$TARGETOS", "${C#x}"),
    *("\\$A", "${A}${B}", "${A/1/z}"),
)
_PIECES: Final = (
    *("a", "b", "/", ".", "*", "?", "\\\\", "\\$", "\\'", '\\"', "\\ ", "$A", "${A}", "$E", "$Q"),
    *("$U", "$$", ":", "-", "+", "#", "%", "=", "\u00e9", "<<", "~", "(", ")", "'b $A'", '"a $Q"'),
)
_IN_PATTERNS: Final = ("a", "b", "/", ".", "*", "?", "\\*", "\\?", "$A", "${E:-b}", "c")
_WORDS: Final = ":-", ":+", "-", "+"
_PATTERNS: Final = "#", "##", "%", "%%"
_HEAD: Final = ("ENV A=a/b.c/b.d E= Q='x y' S=*b", "ARG U")


def _variables() -> list[Case]:
    """Expressions whose quotes and braces have an end."""
    made = []
    for seed in range(_LISTS):
        dice = random.Random(f"words {seed}")
        lines = (f"ENV V{line}={_word(dice)}" for line in range(_LINES))
        made.append(Case(f"random words {seed}", scratch(*_HEAD, *lines)))
    return made


def _word(dice: random.Random, depth: int = 0) -> str:
    return "".join(_piece(dice, depth) for _ in range(dice.randint(1, 4)))


def _piece(dice: random.Random, depth: int) -> str:
    if depth == 3 or dice.random() < 0.6:
        return dice.choice(_PIECES)
    name = dice.choice("AEQSU")
    if dice.random() < 0.5:
        return f"${{{name}{dice.choice(_WORDS)}{_word(dice, depth + 1)}}}"
    pattern = "".join(dice.choices(_IN_PATTERNS, k=dice.randint(1, 3)))
    if dice.random() < 0.5:
        return f"${{{name}{dice.choice(_PATTERNS)}{pattern}}}"
    pattern = pattern.replace("/", "\\/")
    return f"${{{name}{dice.choice(('/', '//'))}{pattern}/{dice.choice(('', 'x', '$Q'))}}}"


def _programs() -> list[Case]:
    """Stages of arguments, which one stage inherits from another."""
    made = []
    for seed in range(_PROGRAMS):
        dice = random.Random(f"stages {seed}")
        lines = [f"ARG {_name(dice)}{_default(dice)}" for _ in range(dice.randint(0, 3))]
        names: list[str] = []
        for number in range(dice.randint(1, 4)):
            lines.append(_begin(dice, number, names))
            lines += [_line(dice) for _ in range(dice.randint(1, 6))]
        args = dice.sample((*_NAMES, *_KNOWN[:3]), dice.choice((0, 0, 1, 2)))
        given = tuple((name, dice.choice(("9", "", "s0", "$A"))) for name in args)
        target = dice.choice(names) if names and dice.random() < 0.3 else None
        text = "\n".join(lines) + "\n"
        made.append(Case(f"random stages {seed}", text, args=given, target=target))
    return made


def _begin(dice: random.Random, number: int, names: list[str]) -> str:
    bases = ("scratch", "scratch", *names * 3, "${D:-scratch}") if number else ()
    line = f"FROM {dice.choice(bases or ('scratch',))}"
    name = dice.choice((f"s{number}", f"S{number}", ""))
    if not name:
        return line
    names.append(name.lower())
    return f"{line} AS {name}"


def _line(dice: random.Random) -> str:
    name = _name(dice)
    lines = (
        *(f"ARG {name}{_default(dice)}",) * 3,
        *(f"ENV {name}={dice.choice(_VALUES)}",) * 4,
        f"ENV {name}={dice.choice(_VALUES)} {_name(dice)}={dice.choice(_VALUES)}",
        f"ENV {name} {dice.choice(_VALUES)} {dice.choice(_VALUES)}",
        f"LABEL {name}={dice.choice(_VALUES)} l$A=1",
        f"ONBUILD {dice.choice(('ENV', 'ARG', 'LABEL'))} {name}={dice.choice(_VALUES)}",
        f"CMD {dice.choice(_VALUES)}",
        f'ENTRYPOINT ["{name}"]',
    )
    return dice.choice(lines)


def _name(dice: random.Random) -> str:
    return dice.choice(_NAMES * 5 + _KNOWN)


def _default(dice: random.Random) -> str:
    return dice.choice(("", f"={dice.choice(_VALUES)}", "=scratch"))


RANDOM_VARIABLES: Final = (*_variables(), *_programs())
