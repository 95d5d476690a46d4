"""Heredocs of RUN, COPY and ADD, beside those of `stage_cases`."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, scratch, seen

_FILES: Final[Context] = {"f": "1", "d/f": "2"}


def _runs(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"heredoc of RUN: {name.replace('_', ' ')}", seen(*line.split("\n")), _FILES)
        for name, line in lines.items()
    )


def _copies(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"heredoc of COPY: {name.replace('_', ' ')}", scratch(*line.split("\n")), _FILES)
        for name, line in lines.items()
    )


RUNS: Final = (
    *_runs(
        a_script="ARG A=1\nRUN <<E\necho $A > /o/x\nfalse\necho '$A' \\$A \"a  b\" > /o/y\nE",
        a_script_in_quotes="ENV A=1\nRUN <<'E'\necho $A > /o/x\nE",
        a_script_that_fails="RUN <<E\ntrue\nfalse\nE",
        tabs="RUN <<-E\n\techo 'a\tb' > /o/x\n\t\tcat > /o/y <<-F\n\t\t\tc\n\t\tF\n\tE",
        nothing="RUN <<E\nE\nRUN echo 1 > /o/x",
        a_line_that_goes_on="RUN <<E\necho a \\\nb > /o/x\nE",
        comments="RUN <<E\n# one\necho '# two' > /o/x # three\n\n#E\nE",
        an_interpreter=(
            "RUN <<E\n#!/bin/sh -e\necho $0 | sed 's/[^.]//g' > /o/x\necho $- | grep -o e > /o/y\nE"
        ),
        another_interpreter="RUN <<E\n#!/usr/bin/env -S sh -c 'cp \"$0\" /o/x'\n$A \\$A '\nE",
        an_interpreter_and_blanks="RUN <<E\n#! /bin/sh\necho 1 > /o/x\nE",
        an_interpreter_that_is_not_there="RUN <<E\n#!/bin/nothing\necho 1\nE",
        a_command="ENV A=1\nRUN cat <<E > /o/x\n$A '$A' \"b\" \\$A \\\\ `echo 2`\nE",
        a_command_in_quotes="ENV A=1\nRUN cat <<'E' > /o/x\n$A \\$A `echo 2`\nE",
        a_command_with_sh="RUN sh <<E\necho $HOME \\$HOME > /o/x\nE",
        a_command_after_it="RUN <<E cat > /o/x\n1\nE",
        more_after_the_command="RUN cat <<E > /o/x && echo 2 > /o/y\n1\nE",
        a_pipe="RUN cat <<E | sed s/a/b/ > /o/x\na\nE",
        a_command_of_several_lines="RUN cat <<E \\\n  > /o/x\n1\nE",
        two_of_a_command="RUN cat <<A > /o/x; cat <<B > /o/y\n1\nA\n2\nB",
        two_alone="RUN <<A <<B\necho 1 > /o/x\nA\necho 2 > /o/y\nB\nRUN echo 3 > /o/z",
        a_descriptor="RUN cat <&3 3<<E > /o/x\n1\nE",
        a_descriptor_alone="RUN 3<<E\necho 1 > /o/x\nE\nRUN echo 3 > /o/z",
        a_name_with_a_slash="RUN <<a/b\necho 1 > /o/x\na/b",
        a_name_with_a_dot="RUN <<E.sh\necho 1 > /o/x\nE.sh",
        a_name_in_part_in_quotes='RUN cat <<E"O"F > /o/x\n$HOME\nEOF',
        a_blank_before_the_name="RUN cat << E > /o/x\n1\nE",
        a_mount=(
            "RUN --mount=type=bind,target=/m --mount=type=tmpfs,target=/t <<E\ncat /m/f > /o/x\n"
            "touch /t/x\nE"
        ),
        no_network="RUN --network=none <<E\necho 1 > /o/x\nE",
        another_shell=(
            'SHELL ["/bin/sh", "-ec"]\nRUN <<E\n(false; echo 1) > /o/x || echo 2 > /o/x\n'
            "cat /nothing || true\necho $- | grep -o e > /o/y\nE"
        ),
        a_shell_that_is_another=(
            'SHELL ["/bin/busybox", "sh", "-xc"]\nRUN <<E\necho $- | grep -o x > /o/x\nE'
        ),
        in_JSON='RUN ["/bin/sh", "-c", "echo \'<<E\' > /o/x"]',
        in_quotes="RUN echo '<<E' \"<<F\" \\<\\<G > /o/x",
        a_shift="RUN echo $((1<<2)) $((1 << 3)) > /o/x",
        after_a_comment="RUN echo 1 > /o/x # <<E\nRUN echo 2 > /o/y",
        a_working_directory_and_a_user=(
            "WORKDIR /tmp\nRUN chmod 777 /o\nUSER tester\nRUN <<E\nid -un > /o/x\npwd > /o/y\nE"
        ),
        a_trigger="ONBUILD RUN <<E\necho 1 > /o/x\nE\nRUN echo 2 > /o/y",
        other_letters="RUN <<E\necho 'é ☃' > /o/x\nE",
        a_last_line_without_an_end="RUN <<E\nprintf a > /o/x\nprintf b >> /o/x\nE",
        what_ends_it_alone="RUN <<E\necho 1 > /o/x\n E\nE \necho 2 > /o/y\nE",
    ),
    Case(
        "heredoc of RUN: a trigger that is pulled",
        f"FROM {BASE} AS a\nONBUILD RUN <<E\nmkdir /o\necho $HOME > /o/x\nE\n"
        "ONBUILD RUN cat <<E > /o/y\n\\$HOME\nE\nFROM a AS made\n"
        "FROM scratch\nCOPY --from=made /o /\n",
    ),
    Case(
        "heredoc of RUN: lines that end as on Windows",
        seen("RUN cat <<E > /o/x", "1", "E").replace("\n", "\r\n"),
    ),
    Case(
        "heredoc of RUN: a backtick that escapes",
        seen(
            "ENV A=1",
            "RUN <<E",
            "echo `",
            "  $A \\$A > /o/x",
            "E",
            "RUN cat <<E `",
            "> /o/y",
            "$A `$A \\$A",
            "E",
            head="# escape=`",
        ),
    ),
    Case("heredoc of RUN: an end that is not there", seen("RUN <<E", "echo 1")),
)
COPIES: Final = (
    *_copies(
        a_mode="COPY --chmod=755 <<E /x\n#!/bin/sh\nE",
        a_mode_and_a_directory="COPY --chmod=u=rw,go= <<a <<b /d/x/\n1\na\n2\nb",
        an_owner="ADD --chown=5:6 <<E /d/x\n1\nE",
        the_same_name_twice="COPY <<E <<E /x/\n1\nE\n2\nE",
        a_name_with_a_blank='COPY <<"a b" /x/\n1\na b',
        a_name_with_an_escape="COPY <<a\\ b /x/\n1\na b",
        a_name_in_part_in_quotes="ENV A=1\nCOPY <<E'O'F /x/\n$A\nEOF",
        a_name_with_a_variable="ENV A=1\nCOPY <<$A /x/\n1\n$A",
        a_name_with_a_star="COPY <<*.c /x/\n1\n*.c",
        a_name_with_a_quote_in_it='COPY f /\nCOPY <<"E /x\n1\nE',
        a_blank_before_the_name="COPY f /\nCOPY << E /x/\n1\nE",
        a_descriptor="COPY 3<<E /x/\n1\nE",
        tabs="ENV A=1\nCOPY <<-E /x\n\t$A\t\n\t\t  2\n\n \t3\n\tE",
        tabs_before_its_end_alone="COPY f /\nCOPY <<E /x\n1\n\tE\nE",
        an_instruction_in_it="COPY <<E /x\nCOPY f /y\nFROM nothing\nE\nCOPY f /z",
        another_in_it="COPY <<E /x\n<<F\nF\nE\nCOPY <<F /y\nE\nF",
        a_stage_that_it_is_not_from="COPY f /\nCOPY --from=a <<E /x\n1\nE",
        ENV="ENV A=<<E\nCOPY f /",
        ENV_and_lines="ENV A=1\nENV A=<<E\n1\nE",
        several_lines="COPY <<a \\\n  <<b \\\n  /x/\n1\na\n2\nb",
        a_source_after_it="COPY <<a f /x/\n1\na",
        a_variable_that_must_be_set="COPY f /\nCOPY <<E /x\n${A:?no}\nE",
        a_variable_that_is_bad="COPY f /\nCOPY <<E /x\n${A\nE",
        dollars="ENV A=1\nCOPY <<E /x\n$ $$ $$A \\$ \\\\$A $( $1 ${A}$A \\a \\\n'\nE",
        a_trigger="ONBUILD COPY <<E /x\n1\nE",
        a_trigger_and_more="ONBUILD COPY <<E /x\n1\nE\nCOPY f /y",
        letters="ADD <<é /x/\n☃\né",
        no_lines_at_all="COPY f /\nCOPY <<E /x",
        a_destination_that_is_one="COPY f /\nCOPY f <<E\n1\nE",
        lower_case="copy <<E /x\n1\nE",
    ),
    Case(
        "heredoc of COPY: a trigger that is pulled",
        "FROM scratch AS a\nENV A=1\nONBUILD COPY <<E /x\n$A\nE\nFROM a\nENV B=1\n",
    ),
    Case(
        "heredoc of COPY: a backtick that escapes",
        scratch(
            "ENV A=1", "COPY <<E `", "/x", "$A `$A \\$A ``", "a `", "b", "E", head="# escape=`"
        ),
    ),
    Case(
        "heredoc of COPY: lines that end as on Windows, and tabs",
        scratch("COPY <<-E /x", "\t1", "", "\tE", "COPY <<'F' /y", "$2", "F").replace("\n", "\r\n"),
    ),
    Case("heredoc of COPY: the file's last line", "FROM scratch\nCOPY <<E /x\n1\nE"),
)
HEREDOCS: Final = (*RUNS, *COPIES)
