"""Texts that nobody would write, made of some that people do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

_ODD: Final = (
    *"\"'\\`$(){}[]<>|&;#!~*?%=,:./@-+ \t\n\r\0\x1b\x7f\x85\u2028\ufeff\udcff\ud800é0aZ",
    *("$(", "${", "%{", "$$", "<<EOF\n", "EOF\n", "\\\n", "&&", "||", "...", "--", "-", "::", "=>"),
    *(
        "null",
        "true",
        "9" * 400,
        "-1",
        "1e999",
        "1e-9",
        "NaN",
        "Infinity",
        "\\ud800",
        "\\UFFFFFFFF",
    ),
    *(
        "*a",
        "&a ",
        "<<: ",
        "!!binary ",
        "- ",
        "? ",
        "[[",
        "]]",
        '"""',
        "'''",
        "//",
        "/*",
        "*/",
        "#",
    ),
    *("docker", "run", "$(MAKE)", "$@", "define X\n", "endef\n", "for x in y : ", "if ", "endif"),
)


def mutated(chosen: random.Random, seeds: Sequence[str]) -> str:
    """A seed, changed in a few places."""
    text = chosen.choice(seeds)
    for _ in range(chosen.choice((1, 1, 2, 3, 5, 8, 20))):
        at, end = sorted(chosen.randrange(len(text) + 1) for _ in range(2))
        end = min(end, at + chosen.choice((0, 0, 1, 1, 4, 40)))
        text = text[:at] + _new(chosen, text, seeds) + text[end:]
        if len(text) > 20_000:
            text = text[:20_000]
    return text


def _new(chosen: random.Random, text: str, seeds: Sequence[str]) -> str:
    match chosen.randrange(8):
        case 0:
            return ""
        case 1:
            return str(chosen.choice(_ODD) * chosen.choice((2, 10, 200, 3000)))
        case 2:
            return chr(chosen.choice((chosen.randrange(128), chosen.randrange(0x110000))))
        case 3:
            other = chosen.choice((text, *seeds))
            start = chosen.randrange(len(other) + 1)
            return other[start : start + chosen.choice((1, 5, 30, 200))]
        case 4:
            other = chosen.choice((text, *seeds))
            start = chosen.randrange(len(other) + 1)
            return other[start : start + 20] * chosen.choice((2, 20, 200))
        case _:
            return str(chosen.choice(_ODD))
