"""Regular expressions and `format` of bake files, as buildx has them.

The values are those of `docker buildx bake --print`, buildx 0.30.1, and so is what is refused.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from rootless_build.model.errors import RecipeError
from tests.unit.recipes.bake.bake_cases import Baker


@pytest.fixture
def bake(tmp_path: Path) -> Baker:
    return Baker(tmp_path)


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (r'regex_replace("hello", "(l)(l)", "$1x")', "heo"),
        (r'regex_replace("hello", "(l)(l)", "$${1}x$2")', "helxlo"),
        (r'regex_replace("hello", "(?P<a>l)", "$a b")', "hel bl bo"),
        (r'regex_replace("hello", "(l)|(x)", "[$2]")', "he[][]o"),
        (r'regex_replace("hello", "l", "\\1")', "he\\1\\1o"),
        (r'regex_replace("v1.2.3-rc1", "^v?(\\d+)\\.(\\d+).*$", "$1.$2")', "1.2"),
        (
            r'regex_replace("refs/heads/feature/x_y", "[^a-zA-Z0-9.-]+", "-")',
            "refs-heads-feature-x-y",
        ),
        (r'regex_replace("Hello World", "[^[:alnum:]]", "")', "HelloWorld"),
        (r'regex("[[:alpha:]]+", "12ab")', "ab"),
        (r'regex("\\d+", "a12٣")', "12"),
        (r'regex("\\w+", "éa")', "a"),
        (r'regex("[]a]+", "]a")', "]a"),
        (r'regex("[^]a]+", "]ab")', "b"),
        (r'regex("[a[b]+", "[ab")', "[ab"),
        (r'regex("[a-z&&[b]]", "&]")', "&]"),
        (r'regex("[\\s\\d]+", "x 1")', " 1"),
        (r'regex("(?m)^b$", "a\nb\nc")', "b"),
        (r'regex("(?i:A)b", "ab")', "ab"),
        (r'regex("\\Qa.b\\E", "a.b")', "a.b"),
        (r'regex("\\x{41}", "A")', "A"),
        (r'regex("\\z", "a")', ""),
        (r'regex("[$]", "$")', "$"),
        (r'upper("straße")', "STRAßE"),
        (r'jsonencode("\u2028<")', '"\\u2028\\u003c"'),
        (r'format("%#v|%5v|%-5v|", "a", "b", 1)', '"a"|    b|1    |'),
        (r'format("%05s|%.3s|%10.3s|", "a", "abcdef", "abcdef")', "0000a|abc|       abc|"),
        (r'format("%.2q", "abcdef")', '"ab"'),
        (
            r'format("%f|%.20f", 1e30, 0.1)',
            "1000000000000000000000000000000.000000|0.10000000000000000000",
        ),
        (
            r'format("%+f|% f|%09.2f|%-9.2f|", 1.5, 1.5, -1.5, 1.5)',
            "+1.500000| 1.500000|-00001.50|1.50     |",
        ),
        (r'format("%.0f %.1f %.2f", 2.5, 0.35, 1.005)', "2 0.3 1.00"),
        (r'format("%v %v", true, ["a", 1, null])', 'true ["a",1,null]'),
    ],
)
def test_text_is_that_of_buildx(bake: Baker, call: str, value: str) -> None:
    with warnings.catch_warnings():
        # A warning of Python's would be in the way of what rbuild says.
        warnings.simplefilter("error")
        assert bake.value(call) == value


@pytest.mark.parametrize(
    "call",
    [
        r'regex("a++", "aaa")',
        r'regex("(?=a)a", "aaa")',
        r'regex("(a)\\1", "aa")',
        r'regex("a$", "a\n")',
        r'regex("\\s", "a\u00a0b")',
        r'regex("(", "a")',
        r'format("%z", 1)',
        r'format("%d", 1.5)',
    ],
)
def test_what_go_does_not_match_or_know_is_refused(bake: Baker, call: str) -> None:
    with pytest.raises(RecipeError, match=r"^docker-bake\.hcl:3:"):
        bake.value(call)


@pytest.mark.parametrize("pattern", ["\\\\pL", "(?U)a", "[[:^alpha:]]"])
def test_what_python_has_not_is_refused(bake: Baker, pattern: str) -> None:
    # buildx knows these.
    with pytest.raises(RecipeError, match="is no regular expression that is known here"):
        bake.value(f'regex("{pattern}", "a")')
