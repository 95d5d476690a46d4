"""`--chmod`: octal and symbolic modes."""

from __future__ import annotations

import stat

import pytest

from rootless_build.images.layers.modes import parsed
from rootless_build.images.layers.problems import RefusedError

FILE = stat.S_IFREG
DIRECTORY = stat.S_IFDIR


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("755", 0o644, 0o755),
        ("4711", 0o600, 0o4711),
        ("0", 0o777, 0),
        ("00000640", 0o777, 0o640),
        ("u+x", 0o644, 0o744),
        ("+x", 0o644, 0o755),
        ("a-w", 0o777, 0o555),
        ("go=", 0o777, 0o700),
        ("=r", 0o777, 0o444),
        ("u=rwx,go=rx", 0o600, 0o755),
        ("u=rw,g=r,o=", 0o777, 0o640),
        ("go=u-w", 0o740, 0o755),
        ("g=u", 0o740, 0o770),
        ("o+g", 0o750, 0o755),
        ("u-o", 0o777, 0o077),
        ("+X", 0o644, 0o644),
        ("+X", 0o744, 0o755),
        ("=rw,+X", 0o755, 0o777),
        ("u+s,g+s", 0o755, 0o6755),
        ("o+s", 0o755, 0o755),
        ("+t", 0o755, 0o1755),
        ("o+t", 0o755, 0o755),
        ("a+t", 0o755, 0o1755),
        ("u-s", 0o4755, 0o755),
        ("a-x+X", 0o755, 0o755),
        ("u+r-w=x", 0o644, 0o144),
    ],
)
def test_a_mode_becomes_another(text: str, before: int, after: int) -> None:
    modes = parsed(text)
    assert modes is not None
    assert modes.of(FILE | before) == FILE | after


def test_searching_is_given_to_directories() -> None:
    modes = parsed("u=rw,+X")
    assert modes is not None
    assert modes.of(DIRECTORY | 0o644) == DIRECTORY | 0o755
    assert modes.of(FILE | 0o644) == FILE | 0o644


def test_new_parents_have_the_octal_mode_without_its_first_digit() -> None:
    octal, symbolic = parsed("4711"), parsed("u=,go=")
    assert octal is not None
    assert symbolic is not None
    assert (octal.of_parents, symbolic.of_parents) == (0o711, 0o755)


@pytest.mark.parametrize(
    "text", ["8", "10000", "77777", "0o755", "rwx", "u", "u+q", "u+x,", ",u+x", "-5", "7 5", "u+x "]
)
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="--chmod"):
        parsed(text)


def test_no_mode_is_none() -> None:
    assert parsed("") is None
