"""What a terminal gets to see of bytes of unknown origin."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.escaping import shown
from rootless_build.ui.escapes import for_terminal


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"plain\n", "plain"),
        (b"tab\there\n", "tab\there"),
        (b"\x1b[32mgreen\x1b[0m\n", "\x1b[32mgreen\x1b[0m\x1b[0m"),
        (b"\x1b]0;a new title\x07text\n", "text"),
        (b"\x1b]52;c;c3RvbGVu\x1b\\text\n", "text"),
        (b"\x1b[2J\x1b[Hcleared\n", "cleared"),
        (b"10%\r50%\r100%\n", "100%"),
        (b"100%\r\n", "100%"),
        (b"\xff\xfe\n", "\\xff\\xfe"),
        (b"bell\x07\n", "bell"),
        ("\u009b2J".encode(), "2J"),
        (b"\n", ""),
    ],
)
def test_only_text_and_colours_reach_the_terminal(line: bytes, seen: str) -> None:
    assert for_terminal(line) == seen


@given(st.binary())
def test_no_control_character_but_colours_ever_does(data: bytes) -> None:
    left = re.sub(r"\x1b\[[0-9;:]*m", "", for_terminal(data))
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", left)


def test_names_are_shown_on_one_line() -> None:
    assert shown("a\nb\x1b[1m") == "a\\nb\\x1b[1m"
    assert shown("caf\udce9") == "caf\\xe9"
    assert shown("café ☕") == "café ☕"
