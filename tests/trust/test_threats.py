"""What THREATS.md promises names its tests, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
TEXT = (TOP / "THREATS.md").read_text()


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"tests/\w+(?:/\w+(?:\.py)?)?", TEXT)
    assert len(named) > 30
    assert [path for path in named if not (TOP / path).exists()] == []


def test_every_promise_names_one() -> None:
    promises = TEXT.partition("## What a project can't do")[2].partition("\n## ")[0]
    found = re.split(r"\n- \*\*", promises)[1:]
    assert len(found) >= 15
    assert [promise.partition("**")[0] for promise in found if "test_" not in promise] == []


def test_every_attack_is_named() -> None:
    files = sorted(file.name for file in (TOP / "tests/trust").glob("test_*.py"))
    files.remove(Path(__file__).name)
    assert [name for name in files if name not in TEXT] == []
