"""Takes the options that rbuild itself asks make with out of what make says.

A Makefile may put $(MAKEFLAGS) or $(MFLAGS) into a line or a variable: `docker run i make
$(MFLAGS)`. While rbuild asks, `-n`, `-w` and `--trace` are among them, and what is started by the
plan would do nothing. make joins its options as letters, then words, then `--` and variables (GNU
make manual, "Communicating Options to a Sub-make"), so that they can be told wherever the whole
value stands; 4.4 does not show `w` to the makes that make starts, which 4.3 does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rootless_build.data import dataclass

_LETTERS: Final = "BLRSdeikmnpqrstvw"
_VALUE: Final = re.compile(
    rf"(?<![\w./-])(?P<dash>-?)(?P<letters>[{_LETTERS}]*w[{_LETTERS}]*)"
    r"(?P<words>(?: -[^\s'\"]+)*?) --trace(?![\w-])(?P<rest> --?[a-zA-Z])?"
)
_JOBSERVER: Final = re.compile(r" --jobserver-(?:auth|fds)=\S+")
_NAMED: Final = re.compile(r"(?<!\$)\$[({]M(?:AKE)?FLAGS\b")
_WHOLE: Final = re.compile(r"(?<![\w./$-])\$(?:\(M(?:AKE)?FLAGS\)|\{M(?:AKE)?FLAGS\})")
_DASHED: Final = re.compile(r"-\$(?:\(MAKEFLAGS\)|\{MAKEFLAGS\})")
_CONDITION: Final = re.compile(
    r" *(?:else +)?ifn?(?:eq\b.*\$[({]M(?:AKE)?FLAGS\b|def +M(?:AKE)?FLAGS\b)"
)
_SEEKS: Final = re.compile(r"\$[({]findstring\s+([^,$]*),")
_OF_RBUILD: Final = re.compile(r"--trace|-?b?B?d?e?i?k?L?m?np?q?r?R?s?S?t?v?w")
"""A word that is one of rbuild's options, or has them among its letters, in make's order."""


@dataclass(frozen=True, slots=True)
class Use:
    """How makefiles use make's own options.

    `named`: at all. `changed`: in functions or parts of words. `dashed`: as `-$(MAKEFLAGS)`, which
    can't be told from $(MFLAGS) in what make prints.
    """

    named: bool
    changed: bool
    dashed: bool


@dataclass(frozen=True, slots=True)
class OwnOptions:
    """rbuild's own options in texts of make, whose makefiles have that `use` for options.

    `tells_w`: make has `w` among the options of the makes it starts (GNU make before 4.4).
    """

    use: Use
    tells_w: bool

    def without(self, text: str, level: int) -> str:
        """The text as it is where make is not asked by rbuild; `level` is 0 for the first make."""
        if not self.use.named or "--trace" not in text:
            return text
        keeps_w = self.tells_w and level > 0

        def cleaned(match: re.Match[str]) -> str:
            if match["dash"] and self.use.dashed:
                return match[0]
            letters = match["letters"].replace("n", "")
            letters = letters if keeps_w else letters.replace("w", "")
            # What a jobserver is reached by is gone when the plan is done.
            words = _JOBSERVER.sub("", match["words"])
            rest = match["rest"] or ""
            if match["dash"]:
                return f"-{letters}{words}{rest}" if letters else (words + rest).lstrip()
            # 4.3 puts what a Makefile adds behind the rest until it has read it.
            added = not (letters or words or rest.startswith(" --"))
            return letters + words + (rest.lstrip() if added else rest)

        return _VALUE.sub(cleaned, text)

    def left_in(self, text: str) -> bool:
        """Whether some of rbuild's options may still be in a text: not the whole value was used."""
        if not (self.use.changed or self.use.dashed):
            return False
        return any(_OF_RBUILD.fullmatch(word) for word in re.split(r"[\s'\"=,;]+", text))


def use(texts: Iterable[str] | None) -> Use:
    """How makefiles with these texts use make's options; None where they are not known."""
    if texts is None:
        return Use(named=True, changed=True, dashed=False)
    named = [text for text in texts if "MFLAGS" in text or "MAKEFLAGS" in text]
    return Use(
        bool(named),
        any(_changes(row) for text in named for row in text.split("\n")),
        any(map(_DASHED.search, named)),
    )


def asked(text: str) -> Iterator[int]:
    """The numbers of the lines whose meaning may be another with rbuild's options there."""
    for number, row in enumerate(text.split("\n"), 1):
        if not (_CONDITION.match(row) or _changes(row)):
            continue
        sought = _SEEKS.findall(row)
        if not sought or any(_may_be_found(what.strip()) for what in sought):
            yield number


def _may_be_found(what: str) -> bool:
    """Whether $(findstring) may answer something else because of rbuild's options."""
    if len(what) == 1:
        return what in "nw--trace"
    return not what.startswith("--") or what in "--trace"


def _changes(row: str) -> bool:
    """Whether make's options are anything but put whole into this line of a makefile."""
    if "FLAGS" not in row or row.lstrip().startswith("#"):
        return False
    return bool(_NAMED.search(_WHOLE.sub("", row))) or any(map(_NAMED.search, functions(row)))


def functions(text: str) -> Iterator[str]:
    """What stands in function calls and references with a change (`$(F:a=b)`)."""
    for found in re.finditer(r"\$[({][\w.-]+[\s:]", text):
        opening = text[found.start() + 1]
        closing = {"(": ")", "{": "}"}[opening]
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += {opening: 1, closing: -1}.get(text[end], 0)
            end += 1
        yield text[found.end() : end]
