"""ADD of what is elsewhere: files and archives of a web server, git repositories."""

from __future__ import annotations

import hashlib
from typing import Final

from tests.reference.case import Archive, Case, Context, File, Link, Member, on_base, scratch, seen

_WEB: Final[Context] = {
    "f": File("one\n", mtime=1_577_934_245 * 10**9),
    "f?x=1": File("one with a query\n"),
    "dir/g": File("two\n"),
    "dir/": File("of a directory\n"),
    "": File("of the root\n"),
    "undated": File("three\n", mtime=0),
    "moved": Link("/dir/g"),
    "twice": Link("/moved"),
    "endless": Link("/endless"),
    "to-nothing": Link("/nothing"),
    "a b": File("a blank\n"),
    "a%20b": File("a blank\n"),
    "a.tar": Archive((Member("d", type="dir", mode=0o711), Member("d/x", "x", owner=(3, 4)))),
    "a.tar.gz": Archive((Member("y", "y"),), "gz"),
}
_SHA: Final = hashlib.sha256(b"one\n").hexdigest()
_OTHER: Final = hashlib.sha256(b"another\n").hexdigest()


def _urls(**lines: str) -> tuple[Case, ...]:
    """Cases of a server, by what is special."""
    return tuple(
        Case(f"URL: {name.replace('_', ' ')}", scratch(*text.split("\n")), web=_WEB)
        for name, text in lines.items()
    )


def _repositories(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"git: {name.replace('_', ' ')}", scratch(*text.split("\n")))
        for name, text in lines.items()
    )


def _contexts(address: str, **lines: str) -> tuple[Case, ...]:
    """Cases of a build context `far` that is there."""
    what = address.strip("@").replace("@", "")
    return tuple(
        Case(
            f"context: {what}: {name.replace('_', ' ')}",
            text if text.startswith("FROM") else scratch(*text.split("\n")),
            {"f": "of the context"},
            web=_WEB,
            elsewhere={"far": address, "unused": "@web@/nothing"},
        )
        for name, text in lines.items()
    )


REMOTE: Final[tuple[Case, ...]] = (
    *_urls(
        to_a_name="ADD @web@/f /x",
        to_a_directory="ADD @web@/f /x/",
        to_the_root="ADD @web@/f /",
        to_a_directory_that_is_there="COPY <<e /x/\ne\nADD @web@/f /x",
        of_a_directory="ADD @web@/dir/g /x/",
        two="ADD @web@/f @web@/dir/g /x/",
        without_a_time="ADD @web@/undated /x",
        a_query="ADD @web@/f?x=1 /x/",
        a_query_to_a_name="ADD @web@/f?x=1 /x",
        that_ends_with_a_slash_to_a_name="ADD @web@/dir/ /x",
        that_ends_with_a_slash="ADD @web@/dir/ /x/",
        of_the_root="ADD @web@/ /x/",
        of_the_root_to_a_name="ADD @web@/ /x",
        moved="ADD @web@/moved /x/",
        moved_twice="ADD @web@/twice /x/",
        moved_for_ever="ADD @web@/endless /x/",
        moved_to_nothing="ADD @web@/to-nothing /x/",
        nothing_there="COPY <<e /e\ne\nADD @web@/nothing /x/",
        a_blank_in_it="ADD @web@/a%20b /x/",
        the_right_checksum=f"ADD --checksum=sha256:{_SHA} @web@/f /x/",
        another_checksum=f"COPY <<e /e\ne\nADD --checksum=sha256:{_OTHER} @web@/f /x/",
        half_a_checksum=f"ADD --checksum=sha256:{_SHA[:20]} @web@/f /x/",
        a_mode="ADD --chmod=4755 @web@/f /x/",
        a_symbolic_mode="ADD --chmod=u+x,g+r @web@/f /x/",
        an_owner="ADD --chown=5:6 @web@/f /x/",
        an_owner_and_a_mode="ADD --chown=5 --chmod=644 @web@/f /x/y/z",
        a_link_layer="ADD --link @web@/f /x/",
        an_archive="ADD @web@/a.tar /x/",
        an_archive_that_is_unpacked="ADD --unpack=true @web@/a.tar /x/",
        an_archive_that_is_not="ADD --unpack=false @web@/a.tar /x/",
        a_gzip_archive_that_is_unpacked="ADD --unpack @web@/a.tar.gz /x/",
        a_gzip_archive="ADD @web@/a.tar.gz /x/",
        no_archive_that_is_unpacked="ADD --unpack @web@/f /x/",
        unpacked_with_an_owner="ADD --unpack --chown=7:8 @web@/a.tar /x/",
        with_exceptions="ADD --exclude=f @web@/f /x/",
        of_COPY="COPY <<e /e\ne\nCOPY @web@/f /x/",
        in_the_working_directory="WORKDIR /w\nADD @web@/f .",
        with_an_argument="ARG N=f\nADD @web@/$N /x/",
    ),
    Case(
        "URL: all of it an argument",
        scratch("ARG URL", "ADD $URL /x/"),
        args=(("URL", "@web@/f"),),
        web=_WEB,
    ),
    Case("URL: and a file", scratch("ADD @web@/f b /x/"), {"b": "b"}, web=_WEB),
    Case("URL: over what is there", on_base("ADD @web@/f /etc/passwd"), web=_WEB),
    Case("URL: below a file", on_base("ADD @web@/f /etc/passwd/x"), web=_WEB),
    *_repositories(
        all_of_it="ADD @git@ /x",
        to_a_directory="ADD @git@ /x/",
        a_tag="ADD @git@#v1 /x/",
        a_branch="ADD @git@#old /x/",
        a_full_name="ADD @git@#refs/tags/v1 /x/",
        a_directory="ADD @git@#main:sub /x/",
        a_directory_of_the_default_branch="ADD @git@#:sub/deep /x/",
        a_directory_that_is_not_there="COPY <<e /e\ne\nADD @git@#main:nothing /x/",
        a_branch_that_is_not_there="COPY <<e /e\ne\nADD @git@#nothing /x/",
        a_query="ADD @git@?ref=v1&subdir=sub /x/",
        a_tag_in_a_query="ADD @git@?tag=v1 /x/",
        a_branch_in_a_query="ADD @git@?branch=old /x/",
        an_unknown_query="COPY <<e /e\ne\nADD @git@?nothing=1 /x/",
        an_owner="ADD --chown=5:6 @git@#v1 /x/",
        a_mode="ADD --chmod=700 @git@#v1 /x/",
        with_exceptions="ADD --exclude=sub @git@#v1 /x/",
        a_link_layer="ADD --link @git@#v1 /x/",
        another_checksum="COPY <<e /e\ne\n"
        "ADD --checksum=0123456789012345678901234567890123456789 @git@#v1 /x/",
        with_an_argument="ARG REF=v1\nADD @git@#$REF /x/",
    ),
    Case(
        "git: with its directory",
        seen(
            "ADD --keep-git-dir=true @git@#main /r",
            "RUN ls -d /r/.git/objects /r/.git/refs >/o/ls; cp /r/.git/HEAD /r/f /o",
        ),
    ),
    Case(
        "git: without its directory",
        seen("ADD --keep-git-dir=false @git@ /r", "RUN ls -a /r >/o/ls"),
    ),
    *_contexts(
        "@web@/f",
        all_of_it="COPY --from=far / /x/",
        the_file="COPY --from=far f /x",
        another_file="COPY <<e /e\ne\nCOPY --from=far g /x",
        with_a_mode="COPY --from=far --chmod=644 f /x/",
        the_base="FROM far\n",
        the_base_and_more="FROM far\nCOPY f /g\n",
    ),
    *_contexts("@web@/dir/g", all_of_it="COPY --from=far / /x/"),
    *_contexts("@web@/a.tar", all_of_it="COPY --from=far / /x/"),
    *_contexts("@web@/undated", all_of_it="COPY --from=far / /x/"),
    *_contexts("@web@/moved", all_of_it="COPY --from=far / /x/"),
    *_contexts("@web@/nothing", all_of_it="COPY <<e /e\ne\nCOPY --from=far / /x/"),
    *_contexts(
        "@git@",
        all_of_it="COPY --from=far / /x/",
        a_file="COPY --from=far f /x",
        the_base="FROM far\n",
        without_its_directory="COPY <<e /e\ne\nCOPY --from=far .git /x/",
    ),
    *_contexts("@git@#old", all_of_it="COPY --from=far / /x/"),
    *_contexts("@git@#v1:sub", all_of_it="COPY --from=far / /x/"),
    *_contexts("@git@?ref=v1&subdir=sub", all_of_it="COPY --from=far / /x/"),
    *_contexts("@git@#nothing", all_of_it="COPY <<e /e\ne\nCOPY --from=far / /x/"),
    Case(
        "context: in a mount, an URL",
        seen("RUN --mount=from=far,target=/m cp -r /m /o/m; stat -c '%a %u %n' /m/* >/o/s"),
        web=_WEB,
        elsewhere={"far": "@web@/f"},
    ),
    Case(
        "context: in a mount, a repository",
        seen("RUN --mount=from=far,target=/m cp -r /m /o/m; ls -a /m >/o/ls"),
        elsewhere={"far": "@git@"},
    ),
)
