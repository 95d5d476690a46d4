"""The picture of the live view in the documents is what the view shows."""

from __future__ import annotations

from tests.docs import live_picture


def test_the_picture_is_what_is_shown() -> None:
    said = "python -m tests.docs.live_picture writes it anew"
    assert live_picture.PICTURE.read_text(encoding="utf-8") == live_picture.make(), said
