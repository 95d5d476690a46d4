"""What was most likely meant by a word that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is nearly the same; empty for none."""
    # Only a mistake needs it.
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(word, list(known), 1, 0.7)
    return near[0] if near else ""


def likeness(one: str, other: str) -> float:
    """From 0 to 1, for two words that are the same."""
    # As above.
    from difflib import SequenceMatcher  # noqa: PLC0415

    return SequenceMatcher(None, one, other).ratio()
