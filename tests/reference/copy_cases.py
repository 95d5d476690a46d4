"""COPY without flags: what is copied, and where it comes to lie."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import (
    Case,
    Context,
    Directory,
    Fifo,
    File,
    HardLink,
    Link,
    on_base,
    scratch,
    seen,
)

_MANY: Final[Context] = {
    **{name: name for name in ("a.txt", "b.txt", "c.md", ".hidden", "[z]", "*star", "d/x.txt")},
    **{name: name for name in ("d/y", "d/sub/x.txt", "e/x.txt", "e/w", "app/f", "bpp/f")},
}


def _globs(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"glob: {name.replace('_', ' ')}", scratch(line), _MANY)
        for name, line in lines.items()
    )


GLOBS: Final = (
    *_globs(
        a_star="COPY *.txt /o/",
        one_file_and_a_name="COPY c* /o",
        two_files_and_a_name="COPY *.txt /o",
        a_question_mark="COPY ?.md /o/",
        a_class="COPY [ab].txt /o/",
        a_negated_class="COPY [^a].txt /o/",
        a_range="COPY [a-b].??? /o/",
        a_bracket_in_a_class="COPY [[]z] /o/",
        a_bracket_after_a_backslash=r"COPY \[z] /o/",
        a_bracket_after_a_backslash_in_JSON=r'COPY ["\\[z]", "/o/"]',
        a_star_after_a_backslash=r'COPY ["\\*star", "/o/"]',
        a_directory="COPY [d] /o/",
        files_of_one_name="COPY */x.txt /o/",
        files_of_one_name_and_a_name="COPY */x.txt /o",
        everything="COPY * /o/",
        everything_of_a_directory="COPY d/* /o/",
        nothing_beside_a_file="COPY c.md no* /o/",
        nothing="COPY no* /o/",
        nothing_below_a_directory="COPY c.md d/no*/f no/*/f /o/",
        two_stars="COPY **/x.txt /o/",
        two_stars_at_the_end="COPY d/** /o/",
        a_star_in_a_directory_part="COPY *pp/f /o/",
        a_class_in_a_directory_part="COPY [a]pp/f /o/",
        a_dot_that_is_written="COPY .h* /o/",
        a_class_that_does_not_end="COPY [a /o/",
        a_slash_first="COPY /d/*.txt /o/",
        dots_before="COPY ./d/../*.md /o/",
        a_negated_class_with_an_exclamation_mark="COPY [!a].txt c.md /o/",
    ),
)

_SOURCES: Final[Context] = {
    "f": "1",
    "g": "2",
    "d/f": "3",
    "d/sub/g": "4",
    "e/h": "5",
    "to-file": "->f",
    "to-dir": "->d",
    "to-root": "->/f",
    "chain": "->to-dir",
    "out": "->../../etc/passwd",
    "nowhere": "->no",
    "links/nowhere": "->no",
    "links/up": "->../f",
    "loop": "->loop",
}


def _sources(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"source: {name.replace('_', ' ')}", scratch(*line.split("\n")), _SOURCES)
        for name, line in lines.items()
    )


SOURCES: Final = (
    *_sources(
        a_slash_first="COPY /f /o/",
        dots="COPY ./d/../f d/./f /o/",
        dots_after_a_glob="COPY d*/../f /o/",
        dots_after_a_glob_to_nothing="COPY d*/../nothing /o/",
        out_of_the_context="COPY ../../f /o/",
        a_slash_after_a_file="COPY f/ /o/",
        a_directory="COPY d /o",
        a_directory_and_a_slash="COPY d/ /o/",
        a_directory_and_a_dot="COPY d/. /o/",
        a_link="COPY to-file /o/",
        a_link_and_a_name="COPY to-file /o",
        a_link_to_a_directory="COPY to-dir /o/",
        a_link_in_the_path="COPY to-dir/f chain/sub/g /o/",
        an_absolute_link="COPY to-root /o/",
        a_link_out_of_the_context="COPY out /o/",
        a_link_that_leads_nowhere="COPY nowhere /o/",
        a_link_to_itself="COPY loop /o/",
        links_in_a_directory="COPY links /o/",
        a_link_among_links="COPY to* /o/",
        one_that_is_not_there="COPY f /o/\nCOPY \\\n  f nothing \\\n  /o/",
        the_same_twice="COPY f f /o/",
        two_directories="COPY d e /o/",
        a_file_and_a_directory="COPY g d /o/",
        files_of_one_name="COPY f d/f /o/",
        two_directories_and_a_name="COPY d e /o",
        no_destination="COPY f",
        an_unknown_flag="COPY --nosuch f /o/",
        an_unknown_flag_in_a_stage_that_is_not_needed=(
            "COPY f /\nFROM scratch AS two\nCOPY --nosuch f /\nFROM scratch\nCOPY g /"
        ),
    ),
    Case("source: spaces", scratch('COPY ["a b", "c  d", "/o p/"]'), {"a b": "1", "c  d": "2"}),
    Case("source: spaces in quotes", scratch('COPY "a b" /o/'), {"a b": "1", '"a': "2", 'b"': "3"}),
    Case(
        "source: other scripts",
        scratch("COPY \u00e9\u2603 /\u65e5\u672c/"),
        {"\u00e9\u2603": "1"},
    ),
    Case(
        "source: bytes that are no text",
        scratch("COPY d /o/"),
        {"d/\udcff\udcfe": "1", "d/\udce9/x": "4"},
    ),
    Case(
        "source: marks and lines",
        scratch("COPY d /o/"),
        {"d/e\u0301": "1", "d/\u00e9": "2", "d/new\nline": "3", "d/ ": "4", "d/\t/\\": "5"},
    ),
    Case("source: a long name", scratch(f"COPY d /{'o' * 120}/"), {f"d/{'x' * 200}": "1"}),
    Case("source: an empty directory", scratch("COPY d /o/"), {"d": Directory(0o700)}),
    Case("source: empty directories", scratch("COPY d /o/"), {"d/a/b": Directory(0o711)}),
)

_PLACES: Final[Context] = {
    "f": "1",
    "g": "2",
    "d/f": "3",
    "d/e/g": "4",
    "r/there/old": "5",
    "r/there": Directory(0o750),
    # Of another size than f: docker 29 leaves a file out that has the size and time of before.
    "r/file": "old",
}


def _places(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"place: {name.replace('_', ' ')}", scratch("COPY r /", *line.split("\n")), _PLACES)
        for name, line in lines.items()
    )


PLACES: Final = (
    *_places(
        a_name="COPY f /x",
        a_name_in_directories_that_are_not_there="COPY f /a/b/x",
        a_directory_that_is_not_there="COPY f /a/b/",
        two_files_and_a_name="COPY f g /x",
        the_root="COPY f /",
        a_dot="COPY f .",
        a_dot_and_a_name="COPY f ./x/../y",
        above_the_root="COPY f /../../x",
        dots_in_the_middle="COPY f /a/../b/x",
        slashes="COPY f //a///x//",
        a_dot_at_the_end="COPY f /a/.",
        a_file="COPY f /file",
        a_file_and_a_slash="COPY f /file/",
        below_a_file="COPY f /file/x",
        a_directory="COPY f /there",
        a_directory_and_a_slash="COPY f /there/",
        a_directory_over_a_file="COPY d /file",
        a_directory_over_a_directory="COPY d /there",
        a_directory_to_a_name="COPY d /x",
        a_directory_in_directories_that_are_not_there="COPY d /x/y/z",
        files_and_a_directory_that_is_there="COPY f g /there",
        a_file_and_a_directory_to_a_file="COPY f d /file",
        nothing_that_is_there="COPY f /\nCOPY nothing /",
        a_working_directory="WORKDIR /w/x\nCOPY f y\nCOPY g z/\nCOPY f ../v",
        a_relative_working_directory="WORKDIR w\nWORKDIR x\nCOPY f ./",
        a_working_directory_that_is_there="WORKDIR /there\nCOPY f .",
    ),
    Case(
        "place: a directory's own mode and time",
        scratch("COPY one /x", "COPY two /x"),
        {
            "one": Directory(0o700),
            "one/a": "1",
            "two": Directory(0o751, mtime=1_600_000_000_000_000_000),
            "two/b": "2",
        },
    ),
    Case(
        "place: directories that are there get modes and times",
        scratch("COPY one /x", "COPY two /x"),
        {
            "one/d": Directory(0o700),
            "one/d/a": "1",
            "two/d": Directory(0o751, mtime=1_600_000_000_000_000_000),
            "two/d/b": "2",
        },
    ),
    Case(
        "place: directories of a base",
        on_base("COPY r /", "COPY f /etc/", "COPY f /tmp/x"),
        {"r/home/tester/f": "1", "r/var": Directory(0o700), "f": "2"},
    ),
    Case(
        "place: a file over a directory, below",
        scratch("COPY one /", "COPY two /"),
        {"one/x/f": "1", "two/x": "2"},
    ),
    Case(
        "place: a file over an empty directory, below",
        scratch("COPY one /", "COPY two /"),
        {"one/x": Directory(), "two/x": "2"},
    ),
    Case(
        "place: a directory over a file, below",
        scratch("COPY one /", "COPY two /"),
        {"one/x": "1", "two/x/f": "2"},
    ),
    Case(
        "place: a directory over a directory, below",
        scratch("COPY one /", "COPY two /"),
        {"one/x/f": "1", "one/x/g": "2", "two/x/f": "new"},
    ),
    Case(
        "place: a file of the size and the time of another",
        scratch("COPY one /", "COPY two /"),
        {"one/x/f": "1", "two/x/f": "3"},
    ),
)

_LINKED: Final[Context] = {
    "f": "1",
    "d/f": "2",
    "tree/x": "3",
    "tree/y/f": "4",
    "new/x": "->f",
    "r/real": "old",
    "r/dir/old": "old",
    "r/to-file": "->real",
    "r/to-dir": "->dir",
    "r/to-root-dir": "->/dir",
    "r/nowhere": "->no",
    "r/far": "->/no/such/place",
    "r/up": "->../../../dir",
    "r/up-nowhere": "->../../../no",
    "r/chain": "->to-dir",
    "r/loop": "->loop",
    "r/loop-a": "->loop-b",
    "r/loop-b": "->loop-a",
    "r/below/up": "->../dir",
    "s/x": "->real",
    "s/real": "old",
    "s/y": "->other",
    "s/other/o": "old",
}


def _links(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"link: {name.replace('_', ' ')}", scratch(*line.split("\n")), _LINKED)
        for name, line in lines.items()
    )


LINKS: Final = (
    *_links(
        to_a_file="COPY r /\nCOPY f /to-file",
        to_a_file_and_a_slash="COPY r /\nCOPY f /to-file/",
        to_a_directory="COPY r /\nCOPY f /to-dir",
        to_a_directory_and_a_slash="COPY r /\nCOPY f /to-dir/",
        to_a_directory_in_the_path="COPY r /\nCOPY f /to-dir/a/x",
        to_a_directory_from_the_root="COPY r /below\nCOPY f /below/to-root-dir/x",
        that_leads_nowhere="COPY r /\nCOPY f /nowhere",
        that_leads_nowhere_and_a_slash="COPY r /\nCOPY f /nowhere/",
        that_leads_nowhere_in_the_path="COPY r /\nCOPY f /nowhere/x",
        that_leads_to_no_directory="COPY r /\nCOPY f /far",
        that_leads_to_no_directory_in_the_path="COPY r /\nCOPY f /far/x",
        out_of_the_root="COPY r /\nCOPY f /up/x",
        out_of_the_root_and_nowhere="COPY r /\nCOPY f /up-nowhere",
        to_a_link="COPY r /\nCOPY f /chain/x",
        to_itself="COPY r /\nCOPY f /loop",
        to_itself_in_the_path="COPY r /\nCOPY f /loop/x",
        two_that_lead_to_each_other="COPY r /\nCOPY f /loop-a/x",
        and_dots="COPY r /\nCOPY f /below/up/../x",
        a_directory_to_a_link="COPY r /\nCOPY d /to-dir",
        a_directory_to_a_link_to_a_file="COPY r /\nCOPY d /to-file",
        a_directory_to_a_link_that_leads_nowhere="COPY r /\nCOPY d /nowhere",
        a_tree_over_links="COPY s /\nCOPY tree /",
        a_file_over_a_link_below="COPY s /\nCOPY tree/x /p/\nCOPY s/x /p/",
        a_tree_with_a_file_over_a_link="COPY s /\nCOPY --exclude=y tree /",
        a_link_over_a_file="COPY tree /\nCOPY new /",
        a_link_over_a_link="COPY s /\nCOPY new /",
        a_link_over_a_directory="COPY tree /x\nCOPY new /",
        a_working_directory="COPY r /\nWORKDIR /to-dir\nCOPY f x",
        a_working_directory_below="COPY r /\nWORKDIR /to-dir/w\nCOPY f x",
        a_working_directory_that_leads_nowhere="COPY r /\nWORKDIR /nowhere\nCOPY f x",
    ),
    Case(
        "link: a directory of the base that became one",
        scratch("COPY r /", "COPY rootfs /"),
        {"rootfs/bin/foo": "1", "r/usr/bin/old": "2", "r/bin": "->usr/bin"},
    ),
)

FILES: Final = (
    Case(
        "setuid and times",
        scratch("COPY . /o/"),
        {
            "f": File("1", mode=0o4755, mtime=1_700_000_005_987_654_321),
            "g": File("1", mode=0o2755, mtime=1_700_000_005_500_000_000),
            "d": Directory(0o3777, mtime=1_700_000_005_987_654_321),
            "d/f": File("1", mode=0o6711, mtime=0),
            "e": Directory(0o2750),
            "l": Link("f", mtime=1_700_000_005_987_654_321),
        },
    ),
    Case(
        "setuid and times, in a RUN",
        seen(
            "COPY . /x/",
            "RUN cd /x; stat -c '%n %a %u %g %y' f d d/f l > /o/stat",
        ),
        {
            "f": File("1", mode=0o4755, mtime=1_700_000_005_987_654_321),
            "d": Directory(0o3777, mtime=1_700_000_005_987_654_321),
            "d/f": File("1", mode=0o6711, mtime=1),
            "l": Link("f", mtime=1_700_000_005_987_654_321),
        },
    ),
    Case(
        "times before 1970 and a second's half",
        scratch("COPY . /o/"),
        {
            "f": File("1", mtime=-86_400_500_000_000),
            "g": File("1", mtime=1_790_000_000_500_000_000),
        },
    ),
    Case(
        "modes",
        scratch("COPY d /d"),
        {f"d/{mode:o}": File("", mode) for mode in range(0o400, 0o1000, 0o37)},
    ),
    Case(
        "a single file's mode",
        scratch("COPY f /", "COPY g /g"),
        {"f": File("1", 0o600), "g": File("2", 0o6777)},
    ),
    Case("a pipe", scratch("COPY . /d"), {"p": Fifo(0o600), "l": "->p", "d/f": "1"}),
    Case("a pipe alone", scratch("COPY p /d/"), {"p": Fifo()}),
    Case("hard links", scratch("COPY d /d"), {"d/f": "1", "d/g": HardLink("d/f")}),
    Case(
        "hard links of two sources",
        scratch("COPY d/f d/g /d/", "COPY e /e"),
        {"d/f": "1", "d/g": HardLink("d/f"), "e/f": HardLink("d/f"), "e/sub/g": HardLink("d/f")},
    ),
    Case(
        "extended attributes",
        scratch("COPY d /d", "COPY d/f /f"),
        {
            "d": Directory(xattrs={"user.dir": "1"}),
            "d/f": File("1", xattrs={"user.a": "b", "user.c": "\u00e9"}),
        },
    ),
    Case("a hole", scratch("COPY . /d/"), {"f": File("1", size=3_000_000), "g": File(size=5000)}),
    Case("bytes", scratch("COPY f /"), {"f": File(bytes(range(256)) * 3)}),
    Case("an empty file", scratch("COPY f /"), {"f": ""}),
    Case("nothing but a directory", scratch("COPY --exclude=* . /d/"), {"f": ""}),
    Case("an image of nothing", scratch("LABEL a=b")),
    Case("the base alone", f"FROM {BASE}\n"),
)
COPY: Final = (*GLOBS, *SOURCES, *PLACES, *LINKS, *FILES)
