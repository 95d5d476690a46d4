"""Names and messages of unknown origin, made fit for one line of text."""

from __future__ import annotations

from pathlib import Path


def shown(path: str | Path) -> str:
    """A path for a message, on one line: what is not printable is written as an escape."""

    def escaped(character: str) -> str:
        if character.isprintable():
            return character
        byte = ord(character) - 0xDC00  # a byte that was not UTF-8 (PEP 383)
        if 0x80 <= byte <= 0xFF:
            return f"\\x{byte:02x}"
        return character.encode("unicode_escape").decode()

    return "".join(map(escaped, str(path)))


def shell_quoted(path: Path) -> str:
    """A path that can be pasted into a shell, on one line."""
    text = str(path)
    if text.isprintable():
        import shlex  # noqa: PLC0415 - for messages only

        return shlex.quote(text)
    own = {"\\": "\\\\", "'": "\\'"}
    return f"$'{''.join(own.get(character) or shown(character) for character in text)}'"
