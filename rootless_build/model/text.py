"""Text of unknown origin, made fit for a terminal, for one line, or for a shell.

All that rbuild itself says goes through `fit` where it leaves rbuild, so that no name, value or
message of others brings a control character along, whoever forgot to look at it. What stands on a
line of its own goes through `shown` besides, where it is put there: it can't make a second line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_OWN_STYLES: Final = re.compile(r"(\x1b\[(?:0|1|2|32|33|1;31)m)")
"""The colours that rbuild's own views write (select graphic rendition, ECMA-48)."""
_LAYOUT: Final = "\n\t"
_PARTS: Final = re.compile(r"\n|[^\n]+")


def shown(path: str | Path) -> str:
    """A path for a message, on one line: what is not printable is written as an escape."""
    text = str(path)
    return text if text.isprintable() else "".join(map(_escaped, text))


def counted(number: int, of: int) -> str:
    """The head of step `number` of so many; `of` 0 is how many nobody knows yet."""
    return f"[{number}/{of}]" if of else f"[{number}]"


def fit(text: str, *, styled: bool = False, any_bytes: bool = False) -> str:
    """Lines of rbuild's own, as they may leave it: what is not printable is written as an escape.

    `styled`: rbuild's own colours stay. `any_bytes`: so do bytes of paths that are no text
    (PEP 383), but for those that a terminal takes for control characters.
    """
    if text.isprintable():
        return text
    pieces = _OWN_STYLES.split(text) if styled else [text]
    return "".join(
        piece if number % 2 else "".join(_fit(c, any_bytes=any_bytes) for c in piece)
        for number, piece in enumerate(pieces)
    )


def _fit(character: str, *, any_bytes: bool) -> str:
    if character in _LAYOUT or (any_bytes and _is_byte(character)):
        return character
    return _escaped(character)


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    byte = ord(character) - 0xDC00  # a byte that was not UTF-8 (PEP 383)
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape").decode()


def _is_byte(character: str) -> bool:
    """Whether a character stands for a byte that is neither text nor a C1 control of ISO 6429."""
    return "\udca0" <= character <= "\udcff"


def shell_quoted(word: str | Path) -> str:
    """A word that can be pasted into a shell, on one line; `$'…'` is bash's and zsh's."""
    text = str(word)
    if text.isprintable():
        return shlex.quote(text)
    own = {"\\": "\\\\", "'": "\\'"}
    return f"$'{''.join(own.get(character) or _in_ansi_c(character) for character in text)}'"


def _in_ansi_c(character: str) -> str:
    """The character for `$'…'`, as bytes: what `\\u` stands for depends on the shell's locale."""
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in _bytes(character))


def _bytes(character: str) -> bytes:
    """A character's bytes in a path; for half a surrogate pair, which no path has, its number's."""
    if "\udc80" <= character <= "\udcff":
        return character.encode(errors="surrogateescape")
    return character.encode(errors="surrogatepass")


def shell_joined(words: Iterable[str]) -> str:
    """A command that can be pasted into a shell, on one line."""
    return " ".join(map(shell_quoted, words))


def script_quoted(word: str | Path) -> str:
    """A word of a script for any POSIX shell; each of its further lines begins with a quote.

    So no line of a word can be taken for a line of the script, and none of its characters acts on
    the terminal on which somebody looks at that.
    """
    text = str(word)
    if text.isprintable() or all(map(_is_safe, text.removesuffix("\n"))):
        return shlex.quote(text)
    lines = (_script_line(part) if part != "\n" else '"\n"' for part in _PARTS.findall(text))
    return "".join(lines)


def _is_safe(character: str) -> bool:
    return character.isprintable() or character == "\t" or _is_byte(character)


def _script_line(line: str) -> str:
    made, at = [], 0
    while at < len(line):
        end, safe = at, _is_safe(line[at])
        while end < len(line) and _is_safe(line[end]) is safe:
            end += 1
        part, at = line[at:end], end
        if safe:
            made.append(shlex.quote(part))
            continue
        codes = "".join(f"\\{byte:03o}" for character in part for byte in _bytes(character))
        made.append(f"\"$(printf '{codes}')\"")
    return "".join(made)


def script_joined(words: Iterable[str]) -> str:
    """A command of a script, its words quoted so."""
    return " ".join(map(script_quoted, words))


def width(text: str) -> int:
    """The columns of a terminal that a line takes."""
    if text.isascii():
        return len(text)
    # Few lines are anything else: 9 ms.
    from wcwidth import wcswidth  # noqa: PLC0415

    columns: int = wcswidth(text)
    return columns if columns >= 0 else len(text)  # control characters have none


def cut(line: str, room: int) -> str:
    """A line that takes no more columns than there is room for; what is left out is `…`."""
    if width(line) <= room:
        return line
    columns = 0
    for index, character in enumerate(line):
        columns += width(character)
        if columns >= room:
            return f"{line[:index]}…"
    return line
