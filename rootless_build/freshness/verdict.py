"""The verdict on a step: it is fresh, for doing it would come to what is there, or dirty, and why.

What can't be told for certain is dirty.
"""

from __future__ import annotations

from msgspec import Struct

from rootless_build.backend.api import Image


class Fresh(Struct, frozen=True):
    """The step need not be done. `seconds` are what doing the step took last. `image` is the one
    that a build would come to, where it makes one; `moved`: its names are another one's now, and
    have to be given back to it.
    """

    seconds: float
    image: Image | None = None
    moved: bool = False


class Dirty(Struct, frozen=True):
    """The step has to be done. `reason` says why, for a person."""

    reason: str


Verdict = Fresh | Dirty
