"""A mistake in a TOML file is told with the line on which it stands."""

from __future__ import annotations

import pytest

from rootless_build.recipes.toml_places import line_of

TEXT = '''text = """
[table]
key = 1
"""
[table]  # 5
other = { key = 1, deep = { last = 2 } }
key = 2
[table."a.b"]
"c d".e = 'x'
[[several]]
key = [
  "[table]", # 12
]
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("text",), 1),
        (("table",), 5),
        (("table", "other", "deep", "last"), 6),
        (("table", "key"), 7),
        (("table", "a.b"), 8),
        (("table", "a.b", "c d", "e"), 9),
        (("several", "key"), 11),
        (("table", "none"), 5),
        (("none",), 1),
    ],
)
def test_a_key_has_its_line(keys: tuple[str, ...], line: int) -> None:
    assert line_of(TEXT, keys) == line


def test_deep_values_are_no_deep_calls() -> None:
    assert line_of("a = 1\nb = " + "{x = " * 5000 + "1" + "}" * 5000, ("b",)) == 2
    assert line_of("b = " + "[" * 5000 + "]" * 5000, ("b",)) == 1
