"""Regular expressions of Go (RE2's syntax, golang.org/s/re2syntax) as Python's.

What Python reads otherwise is written in its way; what only one of the two knows is refused.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rootless_build.recipes.bake.hcl.functions.function import ArgumentError

_CLASSES: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_SECONDS: Final = 1.0
_SPACE: Final = r"\t\n\f\r "
_PIECE: Final = re.compile(
    r"""
      \\Q (?P<literal> .*? ) (?: \\E | \Z )
    | \\x\{ (?P<code> [0-9a-fA-F]{1,6} ) \}
    | \\ (?P<escaped> . )
    | \[: (?P<no> \^? ) (?P<named> \w+ ) :\]
    | \(\? (?P<group> P< | [a-zA-Z]*-?[a-zA-Z]*[:)] )
    | (?P<odd> \(\? | [*+?}]\+ )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OF_BOTH: Final = frozenset("AbBdDwWsSafnrtvx01234567.\\+*?()|[]{}^$-/\"'`~!@#%&=:;,<> _")
_FLAGS: Final = frozenset("ims-:)")
_SPECIAL_IN_CLASS: Final = frozenset("[&~|")


@contextmanager
def limited(pattern: str) -> Iterator[None]:
    """What is done with a pattern takes a second of CPU at most, where Go would take no time: its
    engine does not try again. Raises ArgumentError for more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise ArgumentError(f"{pattern!r} takes more than a second to look for")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def compiled(pattern: str) -> re.Pattern[str]:
    """The expression. Raises ArgumentError."""
    try:
        return re.compile("".join(_translated(pattern)), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ArgumentError(f"{pattern!r} is no regular expression: {error}") from error


def _translated(pattern: str) -> Iterator[str]:  # noqa: PLR0912 - one for each kind of piece
    several_lines = re.search(r"\(\?[a-z]*m", pattern) is not None
    inside = False
    for found in _PIECE.finditer(pattern):
        text = found[0]
        match found.lastgroup:
            case "literal":
                yield re.escape(found["literal"])
            case "code":
                yield re.escape(chr(int(found["code"], 16)))
            case "escaped":
                yield _escape(found["escaped"], pattern, inside=inside)
            case "named" if inside:
                if found["named"] not in _CLASSES or found["no"]:
                    raise _unknown(pattern, text)
                yield _CLASSES[found["named"]]
            case "group" if not inside:
                if found["group"] != "P<" and not _FLAGS.issuperset(found["group"]):
                    raise _unknown(pattern, text)
                yield text
            case "odd" if not inside:
                raise _unknown(pattern, text)
            case "other" if text == "$" and not inside and not several_lines:
                # Python's `$` is before a last line end too.
                yield r"\Z"
            case "other" if text in "[]":
                before = pattern[: found.start()]
                first = inside and re.search(r"\[\^?\Z", before) is not None
                if text == "[" and not inside:
                    inside = True
                    yield text
                elif text == "]" and inside and not first:
                    inside = False
                    yield text
                else:
                    yield "\\" + text
            case _:
                yield "".join(f"\\{c}" if inside and c in _SPECIAL_IN_CLASS else c for c in text)


def _escape(letter: str, pattern: str, *, inside: bool) -> str:
    if letter == "z":
        return r"\Z"
    if letter == "s":
        return _SPACE if inside else f"[{_SPACE}]"
    if letter == "S" and not inside:
        return f"[^{_SPACE}]"
    if letter == "a":
        return r"\x07"
    if letter not in _OF_BOTH or letter in "1234567":
        raise _unknown(pattern, f"\\{letter}")
    return f"\\{letter}"


def _unknown(pattern: str, what: str) -> ArgumentError:
    return ArgumentError(f"{pattern!r} is no regular expression that is known here: {what!r}")
