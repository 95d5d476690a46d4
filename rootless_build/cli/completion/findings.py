"""The doctor's findings, by their IDs."""

from __future__ import annotations

from collections.abc import Sequence

from rootless_build.host.catalogue import BACKGROUND


def names() -> Sequence[str]:
    """What `rbuild doctor --explain` takes."""
    return tuple(BACKGROUND)
