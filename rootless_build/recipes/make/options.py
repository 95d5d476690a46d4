"""Takes the options that rbuild itself asks make with out of what make says.

A Makefile may put $(MAKEFLAGS) or $(MFLAGS) into a line or a variable: `docker run i make
$(MFLAGS)`. While rbuild asks, `-n`, `-w` and `--trace` are among them, and what is started by the
plan would do nothing. make joins its options as letters, then words, then `--` and variables (GNU
make manual, "Communicating Options to a Sub-make"), so that they can be told wherever the whole
value stands; 4.4 does not show `w` to the makes that make starts, which 4.3 does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

_LETTERS: Final = "BLRSdeikmnpqrstvw"
_VALUE: Final = re.compile(
    rf"(?<![\w./-])(?P<dash>-?)(?P<letters>(?=[{_LETTERS}]*w)[{_LETTERS}]++)"
    r"(?P<words>(?: -[^\s'\"]+){0,500}?) --trace(?![\w-])(?P<rest> --?[a-zA-Z])?"
)
_NO_DIRECTORIES: Final = " --no-print-directory"
_ADDS_IT: Final = re.compile(
    r"^ *(?:override +)?MAKEFLAGS\b.*=.*--no-print-directory", re.MULTILINE
)
_JOBSERVER: Final = re.compile(r" --jobserver-(?:auth|fds)=\S+")
_NAMED: Final = re.compile(r"(?<!\$)\$[({]M(?:AKE)?FLAGS\b")
_WHOLE: Final = re.compile(r"(?<![\w./$-])\$(?:\(M(?:AKE)?FLAGS\)|\{M(?:AKE)?FLAGS\})")
_DASHED: Final = re.compile(r"-\$(?:\(MAKEFLAGS\)|\{MAKEFLAGS\})")
_CONDITION: Final = re.compile(
    r" *(?:else +)?ifn?(?:eq\b.*\$[({]M(?:AKE)?FLAGS\b|def +M(?:AKE)?FLAGS\b)"
)
_SEEKS: Final = re.compile(r"\$[({]findstring\s+([^,$]*),")
_FILTERS: Final = re.compile(r"\$[({]filter\s+([^,$]*),")
_OF_RBUILD: Final = re.compile(r"--trace|-?b?B?d?e?i?k?L?m?np?q?r?R?s?S?t?v?w")
"""A word that is one of rbuild's options, or has them among its letters, in make's order."""


class Use(Struct, frozen=True):
    """How makefiles use make's own options.

    `named`: at all. `changed`: in functions or parts of words. `dashed`: as `-$(MAKEFLAGS)`, which
    can't be told from $(MFLAGS) in what make prints; `dashed_values`: not in recipes alone.
    `hides_directories`: they add `--no-print-directory`, which rbuild's `-w` takes away.
    """

    named: bool
    changed: bool
    dashed: bool = False
    dashed_values: bool = False
    hides_directories: bool = False


class OwnOptions(Struct, frozen=True):
    """rbuild's own options in texts of make, whose makefiles have that `use` for options.

    `tells_w`: make has `w` among the options of the makes it starts (GNU make before 4.4).
    """

    use: Use
    tells_w: bool

    def without(self, text: str, level: int, written: str = "") -> str:
        """The text as it is where make is not asked by rbuild.

        `level` is 0 for the first make. `written` is a recipe's line as the makefile has it.
        """
        if not self.use.named or "--trace" not in text:
            return text
        here = self.use.dashed and (not written or bool(_DASHED.search(written)))
        return self._cleaned(text, level, ambiguous=self.use.dashed_values or here)

    def exported(self, environment: Mapping[str, str], level: int) -> dict[str, str]:
        """make's options in a recipe's environment, where there are any that are not rbuild's: a
        make that the recipe starts, here or in a container (`-e MAKEFLAGS`), is to have them.
        """
        given = {
            name: self._cleaned(environment[name], level)
            for name in ("MAKEFLAGS", "MFLAGS")
            if name in environment
        }
        return {
            name: value
            for name, value in given.items()
            if value.strip(" -w") and "--trace" not in value.partition(" -- ")[0].split()
        }

    def _cleaned(self, text: str, level: int, *, ambiguous: bool = False) -> str:
        """The text without rbuild's options. `ambiguous`: what has a dash may be MAKEFLAGS."""
        keeps_w = self.tells_w and level > 0 and not self.use.hides_directories

        def cleaned(match: re.Match[str]) -> str:
            if match["dash"] and ambiguous:
                return match[0]
            letters = match["letters"].replace("n", "")
            letters = letters if keeps_w else letters.replace("w", "")
            # What a jobserver is reached by is gone when the plan is done.
            words = _JOBSERVER.sub("", match["words"])
            rest = match["rest"] or ""
            if self.use.hides_directories and (level or not self.tells_w):
                words += _NO_DIRECTORIES
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
        return Use(named=True, changed=True)
    named = [text for text in texts if "MFLAGS" in text or "MAKEFLAGS" in text]
    rows = [row for text in named for row in text.split("\n") if "FLAGS" in row]
    dashed = [row for row in rows if _DASHED.search(row)]
    return Use(
        bool(named),
        any(map(_changes, rows)),
        bool(dashed),
        any(not row.startswith("\t") for row in dashed),
        any(map(_ADDS_IT.search, named)),
    )


def asked(text: str) -> Iterator[int]:
    """The numbers of the lines whose meaning may be another with rbuild's options there."""
    for number, row in enumerate(text.split("\n"), 1):
        if not (_CONDITION.match(row) or _changes(row)):
            continue
        sought = [*map(_may_be_found, _SEEKS.findall(row)), *map(_may_pass, _FILTERS.findall(row))]
        if not sought or any(sought):
            yield number


def _may_be_found(what: str) -> bool:
    """Whether $(findstring) may answer something else because of rbuild's options."""
    what = what.strip()
    if len(what) == 1:
        return what in "nw--trace"
    return not what.startswith("--") or what in "--trace"


def _may_pass(patterns: str) -> bool:
    """Whether $(filter) may answer something else because of rbuild's options."""
    return not all(re.match(r"-[jlIOoC]|--[^t%]", pattern) for pattern in patterns.split())


def _changes(row: str) -> bool:
    """Whether make's options are anything but put whole into this line of a makefile."""
    if "FLAGS" not in row or row.lstrip().startswith("#"):
        return False
    return bool(_NAMED.search(_WHOLE.sub("", row))) or any(map(_NAMED.search, functions(row)))


def functions(text: str) -> Iterator[str]:
    """What stands in function calls and references with a change (`$(F:a=b)`), those in others
    with these.
    """
    done = 0
    for found in re.finditer(r"\$[({][\w.-]+[\s:]", text):
        if found.start() < done:
            continue
        opening = text[found.start() + 1]
        closing = {"(": ")", "{": "}"}[opening]
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += {opening: 1, closing: -1}.get(text[end], 0)
            end += 1
        yield text[found.end() : end]
        done = end
