"""ADD: archives that are unpacked, and what is added as it is."""

from __future__ import annotations

from typing import Final

from tests.reference.case import Archive, Case, Context, Directory, File, Member, on_base, scratch

_MEMBERS: Final = (
    Member("d", type="dir", mode=0o2750, owner=(7, 8), mtime=1_600_000_000_987_654_321),
    Member("d/f", "1", mode=0o4711, owner=(7, 8)),
    Member("l", "d/f", type="link", owner=(7, 8)),
    Member("d/h", "d/f", type="hard", mode=0o4711, owner=(7, 8)),
    Member("p", type="fifo", mode=0o600),
)
_TAR: Final = Archive(_MEMBERS)


def _archive(name: str, *members: Member, before: str = "COPY r /") -> Case:
    """One that is unpacked over what is there."""
    return Case(f"archive: {name}", scratch(before, "ADD a /x/"), {"a": Archive(members), **_THERE})


_THERE: Final[Context] = {
    "r/x": Directory(0o700),
    "r/x/old": "old",
    "r/x/dir/old": "old",
    "r/x/to-dir": "->dir",
    "r/x/to-old": "->old",
    "r/x/out": "->/out",
    "r/file": "1",
}


def _lost(member: Member) -> tuple[Member, ...]:
    return (Member("l", "no", type="link"), member)


def _adds(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"ADD: {name.replace('_', ' ')}",
            scratch(*line.split("\n")),
            {
                "a": _TAR,
                "b.tar.gz": Archive((Member("b", "2"),), "gz"),
                "f": "1",
                "d/a": _TAR,
                **_THERE,
            },
        )
        for name, line in lines.items()
    )


ADD: Final = (
    *(
        Case(
            f"archive: {compression or 'plain'}",
            scratch("ADD a /x/"),
            {"a": Archive(_MEMBERS, compression)},
        )
        for compression in ("", "gz", "bz2", "xz", "zst")
    ),
    _archive(
        "a link's name is an entry's",
        Member("f", "1"),
        Member("h", "f", type="hard", mode=0o600, owner=(5, 6)),
    ),
    _archive("a hard link to what is there", Member("h", "old", type="hard")),
    _archive("a hard link to nothing", Member("h", "nothing", type="hard")),
    _archive("a hard link out of it", Member("h", "../../file", type="hard")),
    _archive("a whiteout", Member(".wh.old", "")),
    _archive("an opaque whiteout", Member("dir", type="dir"), Member("dir/.wh..wh..opq", "")),
    *(
        _archive(
            f"a link that leads nowhere above {name}",
            Member("lost", "l/no", type="link"),
            *_lost(member),
        )
        for name, member in (
            ("a file", Member("l/f", "1")),
            ("a directory", Member("l/d", type="dir")),
            ("a pipe", Member("l/p", type="fifo")),
            ("a link", Member("l/k", "f", type="link")),
            ("two names", Member("l/d/f", "1")),
            ("a name after another link", Member("lost/f", "1")),
        )
    ),
    _archive("a directory over a link that leads nowhere", *_lost(Member("l", type="dir"))),
    _archive("a file over a link that leads nowhere", *_lost(Member("l", "1"))),
    Case(
        "archive: of setgid directories",
        scratch(
            "ADD a /",
            "COPY f /s/b/c/f",
            "COPY --chown=9 f /s/d/f",
            "COPY --chmod=700 f /s/e/f",
            "WORKDIR /s/w/x",
            "COPY f r /s/g/",
            "COPY --parents r/x/old /s/h/",
            "ADD a /s/i/",
        ),
        {
            "a": Archive(
                (Member("s", type="dir", mode=0o3775, owner=(5, 6)), Member("s/a/b/f", "1"))
            ),
            "f": "1",
            **_THERE,
        },
    ),
    _archive("absolute names", Member("/abs/f", "1")),
    _archive("names with dots", Member("../up/f", "1"), Member("a/../../../b", "2")),
    _archive(
        "names that begin with a dot",
        Member("./", type="dir", mode=0o711, owner=(5, 6)),
        Member("./f", "1"),
    ),
    _archive("parents that are no entries", Member("a/b/f", "1", owner=(5, 6))),
    _archive("an entry twice", Member("f", "1"), Member("f", "2", mode=0o600)),
    _archive("a file over a directory", Member("dir", "1")),
    _archive("a directory over a file", Member("old", type="dir"), Member("old/f", "1")),
    _archive(
        "a directory over a directory",
        Member("dir", type="dir", mode=0o711, owner=(5, 6)),
        Member("dir/f", "1"),
    ),
    _archive("a file over a link", Member("to-old", "1")),
    _archive("a directory over a link", Member("to-dir", type="dir", mode=0o711)),
    _archive("below a link", Member("to-dir/f", "1")),
    _archive("below a link that leads elsewhere", Member("out/f", "1")),
    _archive("below a link of its own", Member("m", "dir", type="link"), Member("m/f", "1")),
    _archive("a link out of the root", Member("m", "../../../etc", type="link")),
    _archive("a device", Member("null", type="char", mode=0o666)),
    _archive(
        "attributes",
        Member("f", "1", xattrs={"user.a": "b"}),
        Member("d", type="dir", xattrs={"user.c": "d"}),
    ),
    _archive("long names", Member("a" * 90 + "/" + "b" * 120, "1"), Member("\u00e9\u2603", "2")),
    _archive("bytes in names", Member("\udcff", "1")),
    _archive("times", Member("f", "1", mtime=1_600_000_000_987_654_321), Member("g", "1", mtime=0)),
    _archive("large owners", Member("f", "1", owner=(60000, 60001))),
    _archive("nothing"),
    Case(
        "archive: in the root",
        on_base("ADD a /"),
        {
            "a": Archive(
                (
                    Member("etc", type="dir", mode=0o711),
                    Member("etc/x", "1"),
                    Member("home/tester/f", "1"),
                )
            )
        },
    ),
    *_adds(
        of_COPY="COPY a /x/",
        to_a_name="ADD a /y",
        to_a_name_in_directories="ADD a /y/z",
        to_a_directory_that_is_there="COPY r /\nADD a /x",
        to_a_file="COPY r /\nADD a /file",
        to_a_link="COPY r /\nADD a /x/to-dir",
        to_a_link_and_a_slash="COPY r /\nADD a /x/to-dir/",
        of_two="ADD a b.tar.gz /x/",
        of_a_glob="ADD [ab]* /x/",
        of_a_file_beside="ADD a f /x/",
        of_a_directory_that_has_one="ADD d /x/",
        without_unpacking="ADD --unpack=false a /x/",
        with_unpacking="ADD --unpack a f /x/",
        with_unpacking_true="ADD --unpack=true a /x/",
        a_link_layer="ADD --link a /x/",
        a_link_layer_over_what_is_there="COPY r /\nADD --link a /x/",
        a_working_directory="WORKDIR /w\nADD a .",
        an_owner_by_number="ADD --chown=5:6 a /x/",
        with_exceptions="ADD --exclude=d a /x/",
        a_file="ADD f /x",
        of_COPY_with_unpack="COPY f /\nCOPY --unpack a /x/",
        a_checksum_of_a_file="COPY f /\nADD --checksum=sha256:00 f /x",
        a_checksum_of_COPY="COPY f /\nCOPY --checksum=sha256:00 f /x",
        nothing_that_is_there="COPY f /\nADD nothing /",
    ),
    Case(
        "archive: gzip of what is none",
        scratch("ADD a.gz /x/"),
        {"a.gz": File(bytes.fromhex("1f8b08000000000000033304 0000".replace(" ", "")))},
    ),
    Case("archive: an empty file", scratch("COPY f /", "ADD a /x/"), {"f": "1", "a": File(b"")}),
    Case(
        "archive: a name without content", scratch("ADD a.tar.gz /x/"), {"a.tar.gz": "no archive"}
    ),
)
