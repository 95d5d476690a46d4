"""The tokens of an HCL text, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rootless_build.recipes.bake.hcl.tokens import END, LINE_END, NAME, Token
from rootless_build.recipes.bake.source import BakeError, Place, refused


class Cursor:
    """Where a parser is in its tokens, and whether a line's end means something there."""

    def __init__(self, tokens: list[Token], place: Callable[[int], Place]) -> None:
        self._tokens = tokens
        self._place_at = place
        self._at = 0
        self._line_ends = [True]

    def _peek(self) -> Token:
        at = self._at
        if not self._line_ends[-1]:
            while self._tokens[at].kind == LINE_END:
                at += 1
        return self._tokens[at]

    def _read(self) -> Token:
        if not self._line_ends[-1]:
            while self._tokens[self._at].kind == LINE_END:
                self._at += 1
        token = self._tokens[self._at]
        if token.kind != END:
            self._at += 1
        return token

    def _follows(self, *kinds: str) -> bool:
        return self._peek().kind in kinds

    def _read_if(self, kind: str) -> bool:
        found = self._follows(kind)
        if found:
            self._read()
        return found

    def _expect(self, kind: str, wanted: str = "") -> Token:
        token = self._read()
        if token.kind != kind:
            raise self._unexpected(token, wanted or f"`{kind}`")
        return token

    def _word(self, word: str) -> bool:
        token = self._peek()
        return token.kind == NAME and token.text == word

    def _unexpected(self, token: Token, wanted: str, hint: str = "") -> BakeError:
        shown = token.kind if token.kind in {END, LINE_END} else repr(token.text)
        if token.kind == "<" and self._peek().kind == "<":
            hint = "a heredoc begins with <<WORD and the line's end, nothing after the word"
        return refused(
            self._place(token), f"this is not HCL: {wanted} is wanted, not {shown}", hint
        )

    def _place(self, token: Token) -> Place:
        return self._place_at(token.at)

    @contextmanager
    def _lines(self, *, count: bool) -> Iterator[None]:
        """Whether a line's end means something."""
        self._line_ends.append(count)
        yield
        self._line_ends.pop()
