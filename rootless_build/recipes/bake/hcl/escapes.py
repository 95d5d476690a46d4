"""Characters that strings of HCL write in another way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rootless_build.recipes.bake.hcl.tokens import Token
from rootless_build.recipes.bake.source import Place, refused

_ESCAPE: Final = re.compile(
    r"\\(?:[nrt\"\\]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(?P<odd>.))|(?P<marker>[$%])(?P=marker)\{",
    re.DOTALL,
)
_PLAIN_ESCAPE: Final = re.compile(r"(?P<marker>[$%])(?P=marker)\{")
_SIMPLE_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def unescape(token: Token, place_at: Callable[[int], Place], *, quoted: bool) -> str:
    """The text that a token means. Raises BakeError. A heredoc, which is not quoted, has
    `$${` and `%%{` alone.
    """

    def replaced(found: re.Match[str]) -> str:
        if found["marker"]:
            return f"{found['marker']}{{"
        place = place_at(token.at + found.start())
        if found["odd"]:
            raise refused(place, f"a string has no escape \\{found['odd']}")
        letter = found[0][1]
        if letter in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[letter]
        number = int(f"0x{found[0][2:]}", base=0)
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            raise refused(place, f"there is no character {found[0]}")
        return chr(number)

    if not quoted:
        return _PLAIN_ESCAPE.sub(lambda found: f"{found['marker']}{{", token.text)
    return _ESCAPE.sub(replaced, token.text)
