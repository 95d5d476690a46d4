"""Patterns of ignore files, as moby/patternmatcher understands them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from rootless_build.images.containerfile.patterns import (
    PatternError,
    Patterns,
    file_name,
    parse_ignore_file,
)
from tests import ignore_tables


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
    patterns = parse_ignore_file("\ufeff# comment\n*\n\n!keep\n! d/e\nkeep/not\n")
    kept = [p for p in ("a", "keep", "keep/x", "keep/not", "d/e/f", "d/f") if not patterns.match(p)]
    assert kept == ["keep", "keep/x", "d/e/f"]
    assert patterns.exceptions
    assert not Patterns(["", "#"][:1])


def buildkits() -> dict[str, list[str] | str]:
    """Some hundred of the ignore files that docker 29.1.3 (BuildKit 0.26.2) was asked about."""
    table = Path(__file__).parents[3] / "data/ignore/buildkit.json"
    answers: dict[str, list[str] | str] = json.loads(table.read_text())
    return answers


def left_out(text: str) -> list[str]:
    """What BuildKit would not send, with directories that it needs for others."""
    patterns, every = parse_ignore_file(text), ignore_tables.everything()
    kept = {path for path in every if not patterns.match(path)}
    kept |= {str(above) for path in kept for above in Path(path).parents}
    return sorted(every - kept)


def test_an_ignore_file_means_what_it_means_to_buildkit() -> None:
    unread = 0
    for text, answer in buildkits().items():
        try:
            found: list[str] | str = left_out(text)
        except PatternError as error:
            found = str(error)
            unread += "depends on" in found
            assert isinstance(answer, str) or "depends on" in found, text
            continue
        assert found == answer, text
    # What only Go's regular expressions could tell.
    assert unread < 0.2 * len(buildkits())


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("l?", "la", "l"),
        ("[!l]a", "la", "ka"),
        ("[^a]a", "la", "aa"),
        (r"l\a", "la", "l\\a"),
        ("**", "a", "a/b"),
        ("a|b*", "a|bc", "a"),
        ("{a}", "{a}", "a"),
        ("[a-cx]", "x", "d"),
        (r"[\]a]", "]", "b"),
        ("[^b-a]", "z", "zz"),
        ("*\n", "a\n", "a"),
    ],
)
def test_a_name_of_a_source_is_matched_as_by_go(pattern: str, yes: str, no: str) -> None:
    assert file_name(pattern).match(yes)
    assert not file_name(pattern).match(no)


@pytest.mark.parametrize("pattern", ["[", "[]", "a\\", "[a-]", "[-a]", "[^]"])
def test_a_name_that_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        file_name(pattern)


@pytest.mark.parametrize("pattern", ["*a/**/b ?[----]\\\\e", "?[----]*", "[+--]"])
def test_no_class_makes_python_warn(pattern: str, recwarn: pytest.WarningsRecorder) -> None:
    """A user would see it among what rbuild says."""
    with suppress(PatternError):
        Patterns((pattern,)).match("a-b")
    assert [str(warning.message) for warning in recwarn] == []
