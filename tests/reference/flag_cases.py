"""The flags of COPY and ADD: owners, modes, layers of their own, parents, exceptions."""

from __future__ import annotations

from typing import Final

from tests.reference.case import Archive, Case, Context, Directory, File, Member, on_base, scratch

_OWNED: Final[Context] = {
    "f": File("1", mode=0o4640),
    "d/f": File("2", mode=0o600),
    "d/sub/g": "3",
    "d": Directory(0o700),
    "d/l": "->f",
    "r/there/old": "4",
    "r/etc/passwd": "root:x:0:0::/:/bin/sh\njoe:x:1234:4321::/:/bin/sh\n77:x:7:8::/:/bin/sh\n",
    "r/etc/group": "root:x:0:\nstaff:x:50:joe\njoes:x:4321:\n88:x:9:\n",
    "broken/etc/passwd": "joe\nann:x:no:5::/:/bin/sh\nbob:x:6\n:x:8:8::/:/bin/sh\n",
}


def _flags(kind: str, **lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"{kind}: {name.replace('_', ' ')}", scratch("COPY r /", *line.split("\n")), _OWNED)
        for name, line in lines.items()
    )


CHOWN: Final = (
    *_flags(
        "--chown",
        numbers="COPY --chown=5:6 f /x",
        a_number="COPY --chown=99 f /x",
        a_group_alone="COPY --chown=:5 f /x",
        a_name="COPY --chown=joe f /x",
        a_name_and_a_group="COPY --chown=joe:staff f /x",
        a_name_and_a_number="COPY --chown=joe:7 f /x",
        a_number_and_a_group="COPY --chown=7:staff f /x",
        a_name_and_nothing="COPY --chown=joe: f /x",
        a_number_that_is_a_name="COPY --chown=77 f /x",
        a_group_that_is_a_number="COPY --chown=joe:88 f /x",
        an_unknown_name="COPY f /\nCOPY --chown=nobody f /x",
        an_unknown_group="COPY --chown=joe:nogroup f /x",
        a_number_and_an_unknown_group="COPY --chown=5:nogroup f /x",
        root="COPY --chown=root:root f /x",
        nothing="COPY --chown= f /x",
        less_than_nothing="COPY --chown=-1 f /x",
        a_large_number="COPY --chown=60000:60001 f /x",
        an_argument="ARG U=joe\nARG G\nCOPY --chown=$U:${G:-50} f /x",
        a_directory="COPY --chown=5:6 d /x",
        a_directory_that_is_there="COPY --chown=5:6 d /there",
        parents_that_are_not_there="COPY --chown=5:6 f /a/b/x",
        a_directory_and_its_parents="COPY --chown=joe:staff d /a/b/x",
        a_file_that_is_there="COPY --chown=5:6 f /there/old",
        links="COPY --chown=5:6 d/ /x/",
        several="COPY --chown=5:6 f d /x/",
        after_USER="USER joe\nCOPY f /x\nCOPY --chown=5 f /y",
        two="COPY --chown=5 --chown=6 f /x",
        ADD="ADD --chown=joe f /x",
        a_working_directory="USER joe\nWORKDIR /w/x\nCOPY --chown=5 f y",
        a_link_layer="COPY --link --chown=5:6 f /a/x",
        a_link_layer_and_a_name="COPY --link --chown=joe:staff f /a/x",
    ),
    Case("--chown: a name on nothing", scratch("COPY --chown=joe f /x"), _OWNED),
    Case(
        "--chown: a name after an instruction that copied nothing",
        scratch("COPY no* /x/", "COPY --chown=joe f /x"),
        _OWNED,
    ),
    Case(
        "--chown: a name after a working directory that is there",
        scratch("WORKDIR /", "COPY --chown=joe f /x"),
        _OWNED,
    ),
    Case(
        "--chown: a name in a layer of its own after another",
        scratch("COPY f /", "COPY --link --chown=joe f /x"),
        _OWNED,
    ),
    Case("--chown: root on nothing", scratch("COPY --chown=root f /x"), _OWNED),
    Case("--chown: a group on nothing", scratch("COPY --chown=5:staff f /x"), _OWNED),
    Case(
        "--chown: lines of passwd that are none",
        scratch("COPY broken /", "COPY --chown=joe f /x"),
        _OWNED,
    ),
    Case("--chown: the base's user", on_base("COPY --chown=tester f /home/tester/x"), _OWNED),
    Case(
        "--chown: an archive",
        scratch("ADD --chown=5:6 a /x/", "ADD --chown=5:6 --unpack=false a /y/"),
        {"a": Archive((Member("f", "1", owner=(7, 8)), Member("d/g", "2", owner=(9, 9))))},
    ),
)

CHMOD: Final = (
    *_flags(
        "--chmod",
        three_digits="COPY --chmod=640 f /x",
        four_digits="COPY --chmod=4711 f /x",
        a_nought_before="COPY --chmod=0600 f /x",
        one_digit="COPY --chmod=7 f /x",
        nothing="COPY --chmod= f /x",
        noughts="COPY --chmod=000 f /x",
        all="COPY --chmod=7777 f /x",
        too_many="COPY --chmod=17777 f /x",
        no_digit="COPY --chmod=648 f /x",
        no_mode="COPY --chmod=abc f /x",
        octal_as_in_Go="COPY --chmod=0o600 f /x",
        parents_that_are_not_there="COPY --chmod=4711 f /a/b/x",
        parents_of_a_mode_without_x="COPY --chmod=644 f /a/b/x",
        parents_of_a_mode_for_all="COPY --chmod=7777 f /a/b/x\nCOPY --chmod=2775 d /c/d/x",
        a_directory="COPY --chmod=750 d /x",
        a_directory_without_x="COPY --chmod=644 d /x",
        a_directory_that_is_there="COPY --chmod=700 d /there",
        a_directory_that_is_there_and_a_file="COPY --chmod=700 f /there/",
        several="COPY --chmod=751 f d /x/",
        and_owner="COPY --chmod=1751 --chown=5:6 d /a/x",
        an_argument="ARG M=600\nCOPY --chmod=$M f /x",
        letters="COPY --chmod=u=rwx,g=rx,o= f /x",
        letters_that_add="COPY --chmod=+x f /x",
        letters_for_all="COPY --chmod=a+rx f /x",
        letters_that_take_away="COPY --chmod=go-rwx d /x",
        letters_and_directories="COPY --chmod=a=rX,u+w d /x",
        letters_of_others="COPY --chmod=g=u,o=g f /x",
        setuid_in_letters="COPY --chmod=u-s,g+s,+t f /x",
        parents_and_letters="COPY --chmod=u=rwx,go= f /a/b/x",
        letters_that_are_none="COPY --chmod=u+q f /x",
        letters_and_an_argument="ARG M=u+x\nCOPY --chmod=${M},o-r f /x",
        a_heredoc="COPY --chmod=700 <<x /a/\n1\nx",
        a_heredoc_and_letters="COPY --chmod=g+x <<x /a/\n1\nx",
        ADD="ADD --chmod=700 d /x",
        a_link_layer="COPY --link --chmod=700 d /a/x",
        a_link_layer_and_letters="COPY --link --chmod=a+x d /a/x",
        a_file_that_is_there="COPY --chmod=600 f /there/old",
    ),
    Case(
        "--chmod: an archive",
        scratch("ADD --chmod=700 a /x/"),
        {"a": Archive((Member("f", "1"), Member("d/g", "2", mode=0o600)))},
    ),
)

_LINKED: Final[Context] = {
    "f": "1",
    "d/f": "2",
    "d/e": Directory(0o700),
    "r/there/old": "3",
    "r/there": Directory(0o700),
    "r/l": "->there",
    "r/x": "->there/old",
    "r/file": "4",
    "r/etc/passwd": "joe:x:1234:4321::/:/bin/sh\n",
}


def _layers(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"--link: {name.replace('_', ' ')}", scratch("COPY r /", *line.split("\n")), _LINKED)
        for name, line in lines.items()
    )


LAYERS: Final = _layers(
    a_name="COPY --link f /y",
    parents_that_are_not_there="COPY --link f /a/b/",
    a_parent_that_is_there="COPY --link f /there/new",
    a_directory_that_is_there="COPY --link f /there",
    a_directory_that_is_there_and_a_slash="COPY --link f /there/",
    a_link_in_the_path="COPY --link f /l/new",
    a_link="COPY --link f /x",
    a_link_to_a_directory="COPY --link f /l",
    a_directory="COPY --link d /y",
    a_directory_over_a_directory="COPY --link d /there",
    a_directory_over_a_file="COPY --link d /file",
    a_directory_over_a_link="COPY --link d /l",
    below_a_file="COPY --link f /file/x",
    a_working_directory="WORKDIR /w\nCOPY --link f y\nCOPY --link f z/",
    a_stage=(
        "FROM scratch AS two\nCOPY f /a/\nCOPY --link d /a\nFROM scratch\n"
        "COPY r /\nCOPY --link --from=two /a /there/"
    ),
    false="COPY --link=false f /there/new",
    true="COPY --link=true f /there/new",
    no_boolean="COPY f /\nCOPY --link=maybe f /there/new",
    several="COPY --link f d /there/",
    a_heredoc="COPY --link <<y /there/\n1\ny",
    ADD="ADD --link f /there/new",
    a_glob="COPY --link f* /there/",
    two="COPY --link f /a/b/c\nCOPY --link f /a/b/d\nCOPY f /a/e",
)

_DEEP: Final[Context] = {
    "f": "0",
    "a/b/f": "1",
    "a/b": Directory(0o750, mtime=1_600_000_000_000_000_000),
    "a/b/e/g": "2",
    "a/c/g": "3",
    "a/h.h": "4",
    "a/c/d/h.h": "5",
    "a/c/d/h.c": "6",
    "x/y/z": Directory(0o700),
    "l": "->a/b",
    "r/b/old": "7",
    "r/a": "->b",
}


def _parents(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"--parents: {name.replace('_', ' ')}", scratch(*line.split("\n")), _DEEP)
        for name, line in lines.items()
    )


PARENTS: Final = _parents(
    a_file="COPY --parents a/b/f /d/",
    a_file_without_a_slash="COPY --parents a/b/f /d",
    several="COPY --parents a/b/f a/c/g f /d/",
    a_directory="COPY --parents a/b /d/",
    a_directory_and_a_slash="COPY --parents a/b/ /d/",
    a_star="COPY --parents a/*/g /d/",
    a_star_for_directories="COPY --parents a/* /d/",
    two_stars="COPY --parents a/**/*.h /d/",
    two_stars_alone="COPY --parents **/g /d/",
    a_pivot="COPY --parents a/./b/f /d/",
    a_pivot_and_stars="COPY --parents a/./**/*.h /d/",
    a_pivot_first="COPY --parents ./a/b/f /d/",
    a_pivot_last="COPY --parents a/b/. /d/",
    two_pivots="COPY --parents a/./b/./e/g /d/",
    a_slash_first="COPY --parents /a/b/f /d/",
    dots="COPY --parents a/../f /d/",
    everything="COPY --parents . /d/",
    a_file_and_a_dot="COPY --parents a/b/f/. /d/",
    a_file_and_a_slash="COPY --parents a/b/f/ /d/",
    an_empty_directory="COPY --parents x/y/z /d/",
    an_owner="COPY --parents --chown=5:6 a/b/f /d/",
    a_mode="COPY --parents --chmod=700 a/b/f /d/",
    a_link_in_the_path="COPY --parents l/f /d/",
    a_link="COPY --parents l /d/",
    nothing="COPY --parents a/no /d/",
    a_glob_that_is_nothing="COPY --parents f a/no* /d/",
    the_root="COPY --parents a/b/f /",
    a_working_directory="WORKDIR /w\nCOPY --parents a/b/f .",
    exceptions="COPY --parents --exclude=**/g a /d/",
    a_link_layer="COPY --link --parents a/b/f /d/",
    a_stage=(
        "COPY --chown=5:6 a /s/a\nFROM scratch\nCOPY --parents --from=0 /s/a/b/f /s/./a/c/g /d/"
    ),
    a_stage_and_a_glob="COPY a /s/a\nFROM scratch\nCOPY --parents --from=0 /s/./a/*/g /d/",
    onto_links="COPY r /d\nCOPY --parents a/b/f /d/",
    ADD="ADD --parents a/b/f /d/",
)

_EXCLUDED: Final[Context] = {
    "a.c": "1",
    "a.o": "2",
    "d/a.c": "3",
    "d/a.o": "4",
    "d/sub/b.o": "5",
    "d/sub/keep.o": "6",
    "d/only/x.o": "7",
    "d/empty": Directory(),
}


def _exceptions(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"--exclude: {name.replace('_', ' ')}", scratch(*line.split("\n")), _EXCLUDED)
        for name, line in lines.items()
    )


EXCEPTIONS: Final = _exceptions(
    a_star="COPY --exclude=*.o . /x/",
    a_star_in_a_directory="COPY --exclude=*.o d /x/",
    two_stars="COPY --exclude=**/*.o d /x/",
    a_path="COPY --exclude=sub d /x/",
    a_path_from_the_context="COPY --exclude=d/sub d /x/",
    a_path_below="COPY --exclude=sub/b.o d /x/",
    a_slash_first="COPY --exclude=/sub --exclude=./a.o d /x/",
    an_exception="COPY --exclude=**/*.o --exclude=!sub/keep.o d /x/",
    everything="COPY --exclude=* d /x/",
    everything_but_one="COPY --exclude=* --exclude=!a.c d /x/",
    a_file="COPY --exclude=a.o a.c a.o /x/",
    the_only_file="COPY --exclude=a.o a.o /x/",
    several="COPY --exclude=*.o a.c d a.o /x/",
    a_glob="COPY --exclude=*.o * /x/",
    an_argument="ARG P=*.o\nCOPY --exclude=$P . /x/",
    a_stage="COPY d /s\nFROM scratch\nCOPY --from=0 --exclude=**/*.o /s /x/",
    a_stage_and_a_path="COPY d /s\nFROM scratch\nCOPY --from=0 --exclude=sub /s /x/",
    a_link_layer="COPY --link --exclude=**/*.o d /x/",
    ADD="ADD --exclude=sub d /x/",
    a_bad_pattern="COPY a.c /\nCOPY --exclude=[ d /x/",
    a_directory_that_is_empty_then="COPY --exclude=only/* d /x/",
    modes="COPY --exclude=sub --chmod=700 --chown=5:6 d /x/",
)
_ALL: Final = "COPY . /\nFROM scratch\n"
LOST: Final = tuple(
    Case(f"{kind}: {name}", scratch(*lines.split("\n")), {"a.c": "1", "a.o": "2", **context})
    for kind, name, lines, context in (
        *(
            (kind, f"{name}, {where}", lines, links)
            for where, links in (
                ("a link that leads nowhere", {"l": "->no"}),
                ("one in a directory", {"d/f": "3", "d/l": "->no"}),
                ("one two directories down", {"d/e/f": "3", "d/e/l": "->no"}),
                ("one that leads to itself", {"l": "->l"}),
                ("one that leads out of the root", {"l": "->../../no"}),
                ("one that leads through a file", {"l": "->a.c/no"}),
            )
            for kind, name, lines in (
                ("--exclude", "the context", "COPY --exclude=*.o . /x/"),
                ("--exclude", "the links of the context", "COPY --exclude=**/l . /x/"),
                ("--exclude", "a stage", f"{_ALL}COPY --from=0 --exclude=*.o / /x/"),
                ("--parents", "a star", "COPY --parents * /x/"),
                ("--parents", "a file", "COPY --parents a.c /x/\nCOPY . /y/"),
            )
        ),
        ("--exclude", "nothing, a directory with a link", "COPY d /x/", {"d/l": "->no"}),
        ("--exclude", "a directory with a link", "COPY --exclude=f d /x/", {"d/l": "->no"}),
        (
            "--exclude",
            "a directory with a directory",
            "COPY --exclude=f d /x/",
            {"d/e/l": "->no", "d/f": "3"},
        ),
        (
            "--exclude",
            "a link that the ignore file leaves out",
            "COPY --exclude=*.o . /x/",
            {"l": "->no", ".dockerignore": "l\n"},
        ),
    )
)
FLAGS: Final = (*CHOWN, *CHMOD, *LAYERS, *PARENTS, *EXCEPTIONS, *LOST)
