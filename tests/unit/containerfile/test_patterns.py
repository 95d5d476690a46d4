"""Patterns of ignore files, as moby/patternmatcher understands them."""

from __future__ import annotations

import pytest

from rootless_build.containerfile.patterns import Patterns, ignored


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a", "a", True),
        ("a", "a/b", True),
        ("a", "b/a", False),
        ("/a/", "a/b", False),
        ("*", "a", True),
        ("*.o", "a/b.o", False),
        ("*/*.o", "a/b.o", True),
        ("**", "a/b/c", True),
        ("**/*.o", "b.o", True),
        ("**/*.o", "a/b/c.o", True),
        ("a/**", "a/b/c", True),
        ("a/**", "a", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c].x", "b.x", True),
        ("[^a].x", "a.x", False),
        ("[^a].x", "b.x", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a.b", "axb", False),
        ("ab(c)", "ab(c)", True),
        ("./a/../b", "b", True),
        (".", "a", False),
    ],
)
def test_a_pattern(pattern: str, path: str, matches: bool) -> None:
    assert Patterns([pattern]).match(path) is matches


def test_the_last_that_matches_decides() -> None:
    patterns = ignored("\ufeff# comment\n*\n\n!keep\n! d/e\nkeep/not\n")
    kept = [p for p in ("a", "keep", "keep/x", "keep/not", "d/e/f", "d/f") if not patterns.match(p)]
    assert kept == ["keep", "keep/x", "d/e/f"]
    assert patterns.exceptions
    assert not Patterns(["", "#"][:1])
