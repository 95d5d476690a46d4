"""COPY and ADD: what stands in a containerfile, and what of it a tree shows."""

from __future__ import annotations

from typing import Final

from tests.reference.case import Case, Directory, Fifo, File, HardLink, Link, on_base, scratch

DESTINATIONS: Final = (
    Case("a file to a name", scratch("COPY f /x"), {"f": "1"}),
    Case(
        "a file to a name in directories that are not there", scratch("COPY f /a/b/x"), {"f": "1"}
    ),
    Case("two files to a name", scratch("COPY f g /x"), {"f": "1", "g": "2"}),
    Case(
        "onto a link",
        on_base("RUN mkdir /o; echo old > /o/real; ln -s real /o/link", "COPY f /o/link"),
        {"f": "1"},
    ),
    Case(
        "onto a link that leads nowhere", on_base("RUN ln -s /no/where /l", "COPY f /l"), {"f": "1"}
    ),
    Case(
        "a directory over a link",
        on_base("RUN rm -rf /usr; ln -s home /usr", "COPY d /"),
        {"d/usr/f": "1"},
    ),
    Case(
        "setuid and times",
        scratch("COPY f /"),
        {"f": File("1", mode=0o4755, mtime=1_700_000_005_987_654_321)},
    ),
    Case("--chmod on new parents", scratch("COPY --chmod=4711 f /new/path/f"), {"f": "1"}),
    Case("nothing that is there", scratch("COPY f /", "COPY nothing /"), {"f": "1"}),
    Case("a pipe", scratch("COPY . /d"), {"p": Fifo(), "l": "->p", "d/f": "1"}),
    Case("hard links", scratch("COPY d /d"), {"d/f": "1", "d/g": HardLink("d/f")}),
)
COPY: Final = DESTINATIONS
_ = (Directory, Link)
