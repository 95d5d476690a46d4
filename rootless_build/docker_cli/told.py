"""What docker tells its caller: words on two streams, and a status."""

from __future__ import annotations

from msgspec import Struct


class Told(Struct, frozen=True):
    """All that a command prints, and its exit status."""

    out: str = ""
    err: str = ""
    status: int = 0
