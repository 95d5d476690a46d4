"""Variables whose names say that their values are secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SECRET: Final = re.compile(
    r"TOKEN|SECRET|PASS(WORD|PHRASE|WD)|CREDENTIAL|PRIVATE|_KEY\b|(API|ACCESS)_?KEY"
)
_WORD: Final = re.compile(r"(?P<before>(?:--?[\w-]+=)?-?(?P<name>\w+)=).+", re.DOTALL)
"""A variable and its value, also behind an option: `NAME=VALUE`, `--env=NAME=VALUE`."""


def is_secret(name: str) -> bool:
    """Whether a variable's name says so: `GITHUB_TOKEN`, `db_password`."""
    return _SECRET.search(name.upper()) is not None


def without_values(words: Iterable[str]) -> tuple[str, ...]:
    """The words of a command, those values of variables masked whose names say that they are
    secrets.
    """
    return tuple(map(_without_value, words))


def _without_value(word: str) -> str:
    found = _WORD.fullmatch(word)
    return f"{found['before']}***" if found and is_secret(found["name"]) else word
