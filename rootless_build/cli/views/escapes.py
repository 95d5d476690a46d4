"""Making bytes of unknown origin safe for a terminal."""

from __future__ import annotations

import re
from typing import Final

_SGR: Final = r"\x1b\[[0-9;:]*m"
_SEQUENCE: Final = re.compile(
    rf"({_SGR})"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences (ECMA-48, 5.4)
    r"|\x1b[PX^_\]].*?(?:\x1b\\|\x07|$)"  # strings: titles, clipboard, device control
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f\x80-\x9f]"
    r"|[\u202a-\u202e\u2066-\u2069\u2028\u2029]"  # what turns a line round, or ends it
)
_RESET: Final = "\x1b[0m"


def for_terminal(data: bytes) -> str:
    """One line of output as a terminal may see it, without its newline.

    Colours stay, every other escape sequence and control character goes. Of a line that was
    overwritten with carriage returns the last state is left.
    """
    text = data.decode(errors="backslashreplace").rstrip("\r\n")
    shown = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    safe = _SEQUENCE.sub(lambda match: match.group(1) or "", shown)
    return safe + _RESET if "\x1b" in safe else safe
