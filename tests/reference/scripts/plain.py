"""What is left out of what docker prints, because it is another each time: the rule, in one place.

The same is left out of what is recorded and of what is held against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_LONG: Final = 64
_SHORT: Final = 12
_ID: Final = re.compile(rf"\b(?:[0-9a-f]{{{_LONG}}}|[0-9a-f]{{{_SHORT}}})\b")
_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|[+-]\d\d:?\d\d))?( [A-Z]{3})?"
_WHILE: Final = r"(Less than a second|About an? (minute|hour)|\d+ (second|minute|hour|day)s?)"
_RULES: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (rf"\b{_TIME}", "TIME"),
        (rf"\b{_WHILE}\b", "A WHILE"),
        (r"\b\d+(\.\d+)? ?[kKMGT]?i?B\b(?!=)", "SIZE"),
        (r"\b\d+\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"\bv?\d+\.\d+\.\d+([-+~][\w.+~-]+)?", "VERSION"),
        (r", build [\w.+~-]+", ", build COMMIT"),
        # What programs of docker log beside what they say.
        (r'(?m)^time="[^\n]*\n', ""),
        # Columns are as wide as what is in them.
        (r" {2,}", "  "),
        (r"(?m)[ \r]+$", ""),
    )
)
_PROGRESS: Final = re.compile(r"(?m)^#\d+ ")
_FAILED: Final = "ERROR: "


class Plain:
    """The rule for one script: an id is a number, the same one wherever it is met again."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """`names` are the places and prefixes of this run, by what stands for them."""
        self._names = names
        self._ids: list[str] = []

    def plain(self, text: str) -> str:
        """The text without what is another each time."""
        for instead, name in self._names.items():
            text = text.replace(name, instead)
        text = _ID.sub(self._numbered, _without_progress(text))
        for pattern, instead in _RULES:
            text = pattern.sub(instead, text)
        return text

    def _numbered(self, found: re.Match[str]) -> str:
        said = found[0]
        known = (each for each in self._ids if each.startswith(said) or said.startswith(each))
        one = next(known, said)
        if one is said:
            self._ids.append(said)
        number = self._ids.index(one) + 1
        return f"ID{number}" if len(said) == _LONG else f"SHORT{number}"


def _without_progress(text: str) -> str:
    """Of what a build tells while it goes on, only why it failed."""
    if not _PROGRESS.search(text) and f"\n{_FAILED}" not in text:
        return text
    return "".join(line for line in text.splitlines(keepends=True) if line.startswith(_FAILED))
