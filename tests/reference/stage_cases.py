"""COPY from other stages, images and named contexts, and files that the containerfile holds."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import (
    Archive,
    Case,
    Context,
    Fifo,
    File,
    Member,
    on_base,
    scratch,
    seen,
)

_FILES: Final[Context] = {
    "f": "1",
    "d/f": "2",
    "d/sub/g": File("3", mode=0o4711, mtime=1_600_000_000_987_654_321),
    "d/l": "->sub/g",
    "d/abs": "->/s/f",
    "d/up": "->../../../../s/f",
    "d/nowhere": "->no",
    "d/to-dir": "->sub",
    "d/p": Fifo(0o600),
    "a": Archive(
        (
            Member("o", type="dir", mode=0o2750, owner=(5, 6)),
            Member("o/f", "1", mode=0o4755, owner=(5, 6), xattrs={"user.a": "b"}),
            Member("o/h", "o/f", type="hard", mode=0o4755, owner=(5, 6), xattrs={"user.a": "b"}),
            Member("o/l", "f", type="link", owner=(7, 8)),
            Member("o/\udcff", "2"),
        )
    ),
}
_STAGE: Final = "FROM scratch AS Build\nCOPY f /f\nCOPY d /s\nFROM scratch AS other\nCOPY f /other"


def _stages(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"--from: {name.replace('_', ' ')}",
            scratch(*line.split("\n"), head=_STAGE),
            _FILES,
        )
        for name, line in lines.items()
    )


STAGES: Final = (
    *_stages(
        a_name="COPY --from=Build /f /x",
        a_name_in_other_letters="COPY --from=BUILD /f /x",
        a_number="COPY --from=0 /f /x\nCOPY --from=1 /other /y",
        a_number_that_is_not_there="COPY f /\nCOPY --from=7 /f /x",
        itself="COPY f /\nCOPY --from=2 /f /x",
        nothing="COPY --from= f /x",
        a_directory="COPY --from=build /s /x",
        all="COPY --from=build / /x/",
        no_slash_first="COPY --from=build s/f /x",
        dots="COPY --from=build ../s/./sub/../f /x",
        a_link="COPY --from=build /s/l /x",
        a_link_and_a_slash="COPY --from=build /s/l /x/",
        an_absolute_link="COPY --from=build /s/abs /x",
        a_link_out_of_the_root="COPY --from=build /s/up /x",
        a_link_that_leads_nowhere="COPY f /\nCOPY --from=build /s/nowhere /x",
        a_link_in_the_path="COPY --from=build /s/to-dir/g /x",
        a_link_to_a_directory="COPY --from=build /s/to-dir /x",
        a_glob="COPY --from=build /s/[fs]* /x/",
        a_glob_that_is_nothing="COPY --from=build /s/sub/no* /x/",
        a_glob_that_is_a_link_that_leads_nowhere="COPY --from=build /s/* /x/",
        one_that_is_not_there="COPY f /\nCOPY --from=build /nothing /x",
        several="COPY --from=build /f /s /x/",
        a_pipe="COPY --from=build /s/p /x",
        an_argument="ARG S=build\nCOPY f /\nCOPY --from=$S /f /x",
        ADD="COPY f /\nADD --from=build /f /x",
        owners="COPY --from=build --chown=5:6 /s /x\nFROM scratch\nCOPY --from=2 /x /y",
        new_owners="COPY --chown=5:6 d /x\nFROM scratch\nCOPY --from=2 --chown=7:8 /x /y",
        a_working_directory="WORKDIR /w\nCOPY --from=build f ./",
        a_later_stage="COPY f /\nCOPY --from=late /f /x\nFROM scratch AS late\nCOPY f /",
    ),
    *(
        Case(
            f"--from: what the stage starts from, {name}",
            f"FROM scratch AS b\nCOPY f d /s/\nFROM b\n{lines}\n",
            _FILES,
        )
        for name, lines in (
            ("with an exception", "COPY --from=b --exclude=q s /x/"),
            ("with an exception after a change", "COPY f /y\nCOPY --from=b --exclude=q s /x/"),
            ("with an exception after a setting", "ENV A=b\nCOPY --from=b --exclude=q s /x/"),
            ("with an exception and a layer", "COPY --from=b --link --exclude=q s /x/"),
            ("with parents", "COPY --from=b --parents s/f s/./nowhere /x/"),
            ("with parents that are not there", "COPY --from=b --parents s/f no s/./sub/no /x/"),
            ("with parents and everything", "COPY --from=b --parents . /x/"),
            (
                "a file that is excluded with its parents",
                "COPY --from=b --parents --exclude=f s/./f /x/",
            ),
            ("what is not there", "COPY --from=b no /x/"),
        )
    ),
    Case(
        "--from: a name that two stages have",
        scratch(
            "COPY --from=a /x /",
            head="FROM scratch AS a\nCOPY f /x\nFROM scratch AS a\nCOPY d/f /x",
        ),
        _FILES,
    ),
    Case(
        "--from: an image",
        on_base(f"COPY --from={BASE} /etc/passwd /home/tester /x/"),
    ),
    Case("--from: an image, onto nothing", scratch(f"COPY --from={BASE} /etc /e")),
    Case("--from: a stage that is an image", f"FROM {BASE} AS a\nFROM a\nCOPY --from=a etc /e\n"),
    Case(
        "--from: all that a stage has",
        scratch("COPY --from=0 / /", head="FROM scratch\nADD a /"),
        _FILES,
    ),
    Case(
        "--from: a file that has two names",
        scratch("COPY --from=0 /o/f /o/h /x/", head="FROM scratch\nADD a /"),
        _FILES,
    ),
    Case(
        "--from: times in a RUN",
        seen(
            "COPY --from=0 /s /x",
            "RUN stat -c '%n %a %y' /x /x/sub /x/sub/g > /o/stat",
            head="FROM scratch\nCOPY d /s",
        ),
        _FILES,
    ),
    Case(
        "--from: a named context",
        scratch("COPY --from=more f d /x/"),
        more={"more": {"f": File("1", 0o4711), "d/g": "2", "d/l": "->../f"}},
    ),
    Case(
        "--from: a named context in other letters",
        scratch("COPY --from=More f /x/"),
        more={"more": {"f": "1"}},
    ),
    Case(
        "--from: a named context's links",
        scratch("COPY --from=more l abs /x/"),
        more={"more": {"f": "1", "l": "->f", "abs": "->/f"}},
    ),
    Case(
        "--from: a named context in the place of a stage",
        scratch("COPY --from=tool f /x/", head="FROM scratch AS tool\nCOPY nothing /"),
        more={"tool": {"f": "1"}},
    ),
    Case(
        "--from: a context that is a stage",
        "FROM more\nCOPY f /x\n",
        {"f": "1"},
        more={"more": {"g": "2"}},
    ),
    Case(
        "--from: two contexts",
        scratch("COPY f /", "COPY --from=one f /1", "COPY --from=two f /2"),
        {"f": "0"},
        more={"one": {"f": "1"}, "two": {"f": "2"}},
    ),
)

_VALUES: Final = ("ARG A=1", "ENV B='two words'")


def _heredocs(**lines: tuple[str, ...]) -> tuple[Case, ...]:
    return tuple(
        Case(f"heredoc: {name.replace('_', ' ')}", scratch(*each), _FILES)
        for name, each in lines.items()
    )


HEREDOCS: Final = (
    *_heredocs(
        a_name=("COPY <<E /x", "1", "E"),
        a_directory=("COPY <<f.txt /x/", "1", "f.txt"),
        a_directory_that_is_there=("COPY d /x", "COPY <<E /x", "1", "E"),
        several=("COPY <<a <<b /x/", "1", "a", "2", "b"),
        several_and_a_name=("COPY <<a <<b /x", "1", "a", "2", "b"),
        a_file_beside=("COPY f <<a /x/", "1", "a"),
        variables=(*_VALUES, "COPY <<E /x", "$A ${B} '$A' \"$B\" \\$A \\\\ ${C:-3} $C.", "E"),
        variables_that_are_changed=("ARG V=v1.2", "COPY <<E /x", "${V#v} ${V%.*} ${V/./-}", "E"),
        quotes=(*_VALUES, "COPY <<'E' /x", "$A ${B} \\$A \\", "E"),
        double_quotes=(*_VALUES, 'COPY <<"E" /x', "$A", "E"),
        tabs=("COPY <<-E /x", "\t\ta\tb", "  \tc", "\tE"),
        tabs_and_quotes=("COPY <<-'E' /x", "\t$a", "\tE"),
        nothing=("COPY <<E /x", "E"),
        an_empty_line=("COPY <<E /x", "", "E"),
        comments=("COPY <<E /x", "# one", "", "#two", "E"),
        a_backslash_at_the_end=("COPY <<E /x", "a \\", "b", "E"),
        a_mode=("COPY --chmod=4711 --chown=5:6 <<E /a/x", "1", "E"),
        a_link_layer=("COPY --link <<E /a/x", "1", "E"),
        ADD=("ADD <<E /x", "1", "E"),
        an_archive_s_name=("ADD <<a.tar.gz /x/", "1", "a.tar.gz"),
        a_name_with_dots=("COPY <<../x /y/", "1", "../x"),
        a_name_with_a_slash=("COPY <<a/b /y/", "1", "a/b"),
        a_working_directory=("WORKDIR /w", "COPY <<E x", "1", "E"),
        an_end_that_is_not_there=("COPY f /", "COPY <<E /x", "1"),
        in_JSON=("COPY f /", 'COPY ["<<E", "/x/"]'),
        a_link=("COPY d /s", "COPY <<E /s/l", "1", "E"),
        an_argument_in_the_name=("ARG A=1", "COPY <<E /x$A", "1", "E"),
        parents=("COPY --parents <<E /x/", "1", "E"),
        exceptions=("COPY --exclude=E <<E d /x/", "1", "E"),
        other_bytes=("COPY <<E /x", "\u00e9 \u2603\t.", "E"),
    ),
    Case(
        "heredoc: lines that end as on Windows",
        scratch("COPY <<E /x", "1", "E").replace("\n", "\r\n"),
    ),
    Case(
        "heredoc: times in a RUN",
        seen("COPY <<E /x", "1", "E", "RUN stat -c '%a %u %g' /x > /o/stat; cat /x > /o/x"),
    ),
)
_NOTHING: Final = "FROM scratch AS nothing"
NOTHING: Final[tuple[Case, ...]] = tuple(
    Case(f"mount: {name}", seen(f"RUN --mount=from={words} ls -A /x >/o/ls", head=head))
    for name, words, head in (
        ("of scratch", "scratch,target=/x", ""),
        ("of scratch, written to", "scratch,target=/x,rw touch /x/f;", ""),
        ("of a path of scratch", "scratch,source=/y,target=/x", ""),
        ("of a stage without files", "nothing,target=/x", _NOTHING),
        ("of a stage without files, written to", "nothing,target=/x,rw touch /x/f;", _NOTHING),
        ("of a stage that sets something", "nothing,target=/x", f"{_NOTHING}\nENV A=1"),
        ("of a path of a stage without files", "nothing,source=/y,target=/x", _NOTHING),
    )
)
"""Stages that a RUN mounts, and in which there is nothing."""
OTHERS: Final = (*STAGES, *HEREDOCS, *NOTHING)
