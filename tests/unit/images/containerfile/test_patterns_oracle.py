"""Ignore rules held against another reader of them: `PatternMatcher` of e2b-dockerfile-utils.

It is a port of moby/patternmatcher too, by other people. Where the two differ, `DIFFERENCES` says
in what, and BuildKit's own word (`tests/data/ignore/buildkit.json`) decides: it is never with the
other against ours.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from e2b_dockerfile_utils.dockerignore import PatternMatcher

from rootless_build.images.containerfile.patterns import PatternError, parse_ignore_file
from tests import ignore_tables

DIFFERENCES: Final = {
    "Go's expression gets ^, |, { and } as they are, the other escapes them": r"[\^|{}]",
    "an escaped letter is an expression of Go's own, as \\b and \\a; the other takes the letter": (
        r"\\[a-z]"
    ),
    "what is behind a part that does not match is not looked at; the other refuses all of it": (
        r"\[b-a\]|\\$"
    ),
    "a pattern is stripped of Go's white space, once more after it is cleaned; the other strips "
    "Python's, and once": r"[^\S\n]",
    "a mark of byte order is no character to BuildKit; to the other it is one of a name": "\ufeff",
    "the sign ! is looked for once more after a pattern is cleaned": r"/!|^!+(?:/*$|/|\.)",
    "a name that is not ASCII, escaped, is refused": r"\\é",
}
"""What differs, and an expression that finds all lines in which it may."""
MAY_DIFFER: Final = re.compile("|".join(DIFFERENCES.values()), re.MULTILINE)
BUILDKIT: Final[dict[str, list[str] | str]] = json.loads(
    (Path(__file__).parents[3] / "data/ignore/buildkit.json").read_text()
)


def left_out(matches: Callable[[str], bool]) -> list[str]:
    """What would not be sent, with directories that are needed for others."""
    every = ignore_tables.everything()
    kept = {path for path in every if not matches(path)}
    return sorted(every - kept - {str(above) for path in kept for above in Path(path).parents})


def of_other(text: str) -> list[str] | None:
    """What the other leaves out; None for what it refuses."""
    try:
        return left_out(PatternMatcher(text.removeprefix("\ufeff").split("\n")).matches)
    except ValueError:
        return None


def of_ours(text: str) -> list[str] | None:
    """What rbuild leaves out; None for what it refuses."""
    try:
        return left_out(parse_ignore_file(text).match)
    except PatternError:
        return None


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_where_the_other_differs_from_buildkit_ours_does_not() -> None:
    differ = []
    for text, answer in BUILDKIT.items():
        word = None if isinstance(answer, str) else answer
        if of_other(text) != word:
            assert MAY_DIFFER.search(text), text
            assert of_ours(text) in (None, word), text
            differ.append(text)
    assert len(differ) < 0.1 * len(BUILDKIT)


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_both_read_random_ignore_files_alike() -> None:
    chance, compared = random.Random(17), 0
    for text in (ignore_tables.text(chance) for _ in range(3000)):
        if MAY_DIFFER.search(text) is None:
            compared += 1
            assert of_ours(text) == of_other(text), text
    assert compared > 500
