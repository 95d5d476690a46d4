"""ADD: archives that are unpacked, and what is added as it is."""

from __future__ import annotations

from typing import Final

from tests.reference.case import Archive, Case, Member, scratch

_MEMBERS: Final = (
    Member("d", type="dir", mode=0o750, owner=(7, 8)),
    Member("d/f", "1", mode=0o4711, owner=(7, 8)),
    Member("l", "d/f", type="link"),
    Member("d/h", "d/f", type="hard"),
)
ADD: Final = (
    *(
        Case(
            f"an archive, {compression or 'plain'}",
            scratch("ADD a /x/"),
            {"a": Archive(_MEMBERS, compression)},
        )
        for compression in ("", "gz", "bz2", "xz", "zst")
    ),
    Case("an archive that COPY takes", scratch("COPY a /x/"), {"a": Archive(_MEMBERS)}),
)
