"""WORKDIR, USER, VOLUME, ONBUILD, SHELL and what an image says, beside RUNs and on a base."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, on_base, scratch, seen

_FILES: Final[Context] = {"f": "1\n", "g": "2\n", "d/f": "3\n"}


def _seen(kind: str, head: str = "", **lines: str) -> tuple[Case, ...]:
    """What RUNs write to /o."""
    return tuple(
        Case(f"{kind}: {_spaced(name)}", seen(*line.splitlines(), head=head), _FILES)
        for name, line in lines.items()
    )


def _said(kind: str, **lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"{kind}: {_spaced(name)}", scratch(*line.splitlines()), _FILES)
        for name, line in lines.items()
    )


def _upon(kind: str, base: str, **lines: str) -> tuple[Case, ...]:
    """Said in a stage that begins with another, which says `base`."""
    head = f"FROM scratch AS a\n{base}"
    return tuple(
        Case(f"{kind}: {_spaced(name)}", f"{head}\nFROM a\n{line}\n", _FILES)
        for name, line in lines.items()
    )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


DIRECTORIES: Final = (
    *_seen(
        "WORKDIR and RUN",
        relative="WORKDIR /w\nWORKDIR a\nWORKDIR ../b\nRUN pwd > /o/pwd",
        of_a_variable_of_the_base="ENV D=/w\nWORKDIR $D\nWORKDIR ${D}x/$D\nRUN pwd > /o/pwd",
        over_a_link=(
            "RUN mkdir /r && ln -s r /w\n"
            "WORKDIR /w/x\nRUN pwd > /o/pwd; ls /r > /o/ls; readlink /w > /o/l"
        ),
        over_a_link_that_leads_nowhere=(
            "RUN ln -s /r/s /w\nWORKDIR /w\n"
            "RUN pwd > /o/pwd; ls -d /r/s > /o/ls; readlink /w > /o/l"
        ),
        over_a_file="RUN touch /w\nWORKDIR /w\nRUN true",
        below_a_file="RUN touch /w\nWORKDIR /w/x\nRUN true",
        of_its_user_at_once=(
            "USER tester\nWORKDIR /w/x\nUSER root\nRUN stat -c '%n %a %u %g' /w /w/x > /o/stat"
        ),
        of_a_user_without_a_name=(
            "USER 77\nWORKDIR /w\nUSER root\nRUN stat -c '%a %u %g' /w > /o/stat"
        ),
        of_a_user_and_a_group=(
            "USER tester:root\nWORKDIR /w\nUSER root\nRUN stat -c '%a %u %g' /w > /o/stat"
        ),
        of_a_user_made_before=(
            "RUN echo 'joe:x:7:8::/:/bin/sh' >> /etc/passwd\n"
            "USER joe\nWORKDIR /w\n"
            "USER root\nRUN stat -c '%a %u %g' /w > /o/stat"
        ),
        one_that_is_there=(
            "USER tester\nWORKDIR /home\nUSER root\nRUN stat -c '%a %u %g' /home > /o/stat"
        ),
        a_removed_one=(
            "WORKDIR /w\nRUN rmdir /w\nRUN pwd > /o/pwd; stat -c '%a %u %g' /w > /o/stat"
        ),
        a_removed_one_of_a_user=(
            "USER tester\nWORKDIR /w/x\n"
            "USER root\nRUN rm -r /w\n"
            "USER tester\nRUN pwd > /tmp/p; stat -c '%a %u %g' /w /w/x > /tmp/s\n"
            "USER 0\nRUN cp /tmp/p /tmp/s /o"
        ),
        of_the_home="ENV HOME=/h\nWORKDIR ~\nRUN pwd > /o/pwd",
        with_a_space="WORKDIR /a b/c\nRUN pwd > /o/pwd",
        in_quotes='WORKDIR "/a b"\nRUN pwd > /o/pwd',
        nothing_after_it="WORKDIR /w\nRUN touch x\nWORKDIR /\nRUN ls /w > /o/ls",
        it_is_empty="ENV E=\nWORKDIR /w\nWORKDIR $E\nRUN pwd > /o/pwd",
        modes_of_parents=(
            "RUN umask 077 && mkdir /p\nWORKDIR /p/q\nRUN stat -c '%n %a' /p /p/q > /o/stat"
        ),
    ),
)
USERS: Final = (
    *_seen(
        "USER and RUN",
        a_name=(
            "USER tester\nRUN id > /tmp/x; env | grep ^HOME > /tmp/y\n"
            "USER 0\nRUN cp /tmp/x /tmp/y /o"
        ),
        a_number=(
            "USER 1000\nRUN id > /tmp/x; env | grep ^HOME > /tmp/y\nUSER 0\nRUN cp /tmp/x /tmp/y /o"
        ),
        a_number_without_a_name=(
            "USER 77\nRUN id -u > /tmp/x; id -g >> /tmp/x; env | grep ^HOME > /tmp/y\n"
            "USER 0\nRUN cp /tmp/x /tmp/y /o"
        ),
        a_name_and_a_group="USER tester:root\nRUN id > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        a_name_and_a_number="USER tester:55\nRUN id > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        numbers="USER 7:8\nRUN id > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        unknown="USER nobody\nRUN true",
        an_unknown_group="USER tester:nogroup\nRUN true",
        unknown_and_no_RUN="USER nobody\nUSER root\nRUN echo 1 > /o/x",
        a_group_alone="USER :8\nRUN id > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        a_variable="ARG U=tester\nUSER $U\nRUN id > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        a_variable_with_a_default="USER ${U:-1000}\nRUN id -u > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        more_groups=(
            "RUN echo 'more:x:99:tester' >> /etc/group\n"
            "USER tester\nRUN id > /tmp/x\n"
            "USER 0\nRUN cp /tmp/x /o"
        ),
        made_before=(
            "RUN echo 'joe:x:7:8::/h:/bin/sh' >> /etc/passwd\n"
            "USER joe\nRUN id -u > /tmp/x; env | grep ^HOME > /tmp/y\n"
            "USER 0\nRUN cp /tmp/x /tmp/y /o"
        ),
        nothing="ARG U\nUSER $U\nRUN id -u > /o/x",
        files_of_it=(
            "USER tester\nRUN touch /tmp/x; mkdir /tmp/d\n"
            "USER 0\nRUN stat -c '%n %a %u %g' /tmp/x /tmp/d > /o/stat"
        ),
    ),
    Case("USER: two words", on_base("USER a b")),
    Case("USER: nothing", on_base("RUN true", "USER")),
    Case("USER: it stays in the image", on_base("USER ${U:-tester}:55", "RUN id > /tmp/id")),
)
VOLUMES: Final = (
    *_seen(
        "VOLUME and RUN",
        written=(
            "RUN mkdir /v && echo 1 > /v/a\n"
            "VOLUME /v\nRUN echo 2 > /v/b; echo 3 >> /v/a\n"
            "RUN cp -a /v /o/"
        ),
        removed="RUN mkdir /v && touch /v/a /v/b\nVOLUME /v\nRUN rm /v/a\nRUN cp -a /v /o/",
        owned=(
            "RUN mkdir /v && touch /v/a\n"
            "VOLUME /v\nRUN chown 5:6 /v/a /v; chmod 700 /v\n"
            "RUN stat -c '%n %a %u %g' /v /v/a > /o/stat"
        ),
        not_there="VOLUME /v\nRUN ls -d /v > /o/ls; echo $? > /o/x",
        made_after="VOLUME /v/w\nRUN mkdir -p /v/w/x; touch /v/w/y\nRUN cp -a /v /o/",
        of_the_stage_before="VOLUME /v\nRUN mkdir -p /v; echo 1 > /v/a\nRUN cp -a /v /o/",
        a_working_directory=(
            "VOLUME /v\nWORKDIR /v\nRUN touch a; pwd > /o/pwd\nRUN ls -A /v > /o/ls"
        ),
        several=(
            'VOLUME ["/v", "/w"]\nRUN mkdir -p /v /w && touch /v/a /w/b\nRUN ls /v /w > /o/ls'
        ),
        a_COPY_after_it=(
            "VOLUME /v\nCOPY f /v/f\nRUN cat /v/f > /o/x; rm /v/f\nRUN ls -A /v > /o/ls"
        ),
        a_mount_over_it="VOLUME /v\nRUN --mount=source=d,target=/v cat /v/f > /o/x",
        of_a_user=(
            "RUN mkdir -m 777 /v\n"
            "VOLUME /v\nUSER tester\n"
            "RUN touch /v/a\nUSER 0\n"
            "RUN stat -c '%u %g' /v/a > /o/stat"
        ),
        moved=(
            "RUN mkdir /v && touch /v/a\n"
            "VOLUME /v\nRUN mv /v /w\n"
            "RUN ls -d /v /w /w/a > /o/ls; true"
        ),
    ),
    Case(
        "VOLUME and RUN: of a stage that another begins with",
        seen(
            "RUN cp -a /v /o/; echo 2 > /v/b",
            "RUN ls /v > /o/ls",
        ).replace(
            f"FROM {BASE} AS made",
            (f"FROM {BASE} AS a\nVOLUME /v\nRUN mkdir -p /v; echo 1 > /v/a\nFROM a AS made"),
        ),
    ),
    *_said(
        "VOLUME",
        a_variable='ENV V=/v\nVOLUME $V ${V}x\nVOLUME ["$V/y"]\nCOPY f /',
        relative="WORKDIR /w\nVOLUME v\nCOPY f /",
        empty_JSON="COPY f /\nVOLUME []",
        nothing="COPY f /\nVOLUME",
        an_empty_string='COPY f /\nVOLUME [""]',
        single_quotes="VOLUME ['/v']\nCOPY f /",
        twice="VOLUME /v /v\nVOLUME /v/\nCOPY f /",
    ),
)


def _triggered(**lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"ONBUILD and RUN: {_spaced(name)}",
            f"FROM {BASE} AS a\nRUN mkdir /o\n{line}\nFROM scratch\nCOPY --from=made /o/ /\n",
            _FILES,
        )
        for name, line in lines.items()
    )


TRIGGERS: Final = (
    *_triggered(
        alone="ONBUILD RUN echo 1 > /o/x\nFROM a AS made",
        not_done_in_its_own_stage=(
            "ONBUILD RUN echo 1 > /o/x\nRUN ls /o > /o/ls\nFROM a AS made\nRUN ls /o > /o/ls2"
        ),
        in_order=(
            "ONBUILD RUN echo 1 >> /o/x\n"
            "ONBUILD RUN echo 2 >> /o/x\n"
            "FROM a AS made\nRUN echo 3 >> /o/x"
        ),
        once="ONBUILD RUN echo 1 >> /o/x\nFROM a AS b\nFROM b AS made\nRUN cat /o/x > /o/y",
        twice_over=(
            "ONBUILD RUN echo a >> /o/x\nFROM a AS b\nONBUILD RUN echo b >> /o/x\nFROM b AS made"
        ),
        ENV="ONBUILD ENV E=1\nFROM a AS made\nRUN echo $E > /o/x",
        ENV_in_a_WORKDIR="ONBUILD ENV E=/w\nONBUILD WORKDIR $E\nFROM a AS made\nRUN pwd > /o/x",
        an_ARG="ONBUILD ARG V=1\nONBUILD RUN echo $V > /o/x\nFROM a AS made\nRUN echo $V > /o/y",
        an_ARG_of_the_stage='ARG V=1\nONBUILD RUN echo "${V-unset}" > /o/x\nFROM a AS made',
        USER="ONBUILD USER tester\nFROM a AS made\nRUN id -u > /tmp/x\nUSER 0\nRUN cp /tmp/x /o",
        SHELL='ONBUILD SHELL ["/bin/sh", "-ec"]\nFROM a AS made\nRUN false; true',
        a_SHELL_before_it='SHELL ["/bin/sh", "-ec"]\nONBUILD RUN echo $- > /o/x\nFROM a AS made',
        exec_form='ONBUILD RUN ["touch", "/o/x"]\nFROM a AS made',
        a_mount="ONBUILD RUN --mount=source=d,target=/m cat /m/f > /o/x\nFROM a AS made",
        a_cache=(
            "ONBUILD RUN --mount=type=cache,target=/c touch /c/x\n"
            "FROM a AS made\nRUN --mount=type=cache,target=/c ls /c > /o/ls"
        ),
        a_heredoc="ONBUILD RUN <<E\necho 1 > /o/x\nE\nFROM a AS made",
        a_heredoc_of_COPY="ONBUILD COPY <<E /o/x\n1\nE\nFROM a AS made",
        several_lines="ONBUILD RUN echo 1 > /o/x && \\\n  echo 2 > /o/y\nFROM a AS made",
    ),
    *_said(
        "ONBUILD",
        MAINTAINER="COPY f /\nONBUILD MAINTAINER me",
        itself="COPY f /\nONBUILD ONBUILD COPY f /x",
        FROM_in_small_letters="COPY f /\nonbuild from x",
        an_unknown_instruction="COPY f /\nONBUILD COPPY f /x",
        a_bad_flag="COPY f /\nONBUILD RUN --mont=x true",
        nothing="COPY f /\nONBUILD",
        all_of_them=(
            "ONBUILD ARG A=1\nONBUILD ENV E=$A\n"
            "ONBUILD LABEL l=$A\nONBUILD EXPOSE 80\n"
            'ONBUILD CMD ["x"]\n'
            "ONBUILD ENTRYPOINT y\n"
            "ONBUILD STOPSIGNAL 9\n"
            "ONBUILD HEALTHCHECK CMD z\n"
            "ONBUILD USER 5\n"
            "ONBUILD WORKDIR /w\nONBUILD VOLUME /v\nCOPY f /"
        ),
        inner_blanks="ONBUILD   RUN   a   b\nCOPY f /",
        over_lines="ONBUILD RUN a \\\n  b\nCOPY f /",
        a_heredoc="ONBUILD COPY <<E /x\n1\n2\nE\nCOPY f /",
    ),
    *_upon(
        "ONBUILD upon a stage",
        "ONBUILD ARG A=1\nONBUILD ENV E=$A\n"
        "ONBUILD LABEL l=$A\nONBUILD EXPOSE 80\n"
        'ONBUILD CMD ["x"]\n'
        "ONBUILD ENTRYPOINT y\nONBUILD STOPSIGNAL 9\nONBUILD HEALTHCHECK CMD z\nONBUILD USER 5\n"
        "ONBUILD WORKDIR /w\nONBUILD VOLUME /v",
        all_of_them="COPY f x",
        some_said_again='CMD ["q"]\nLABEL m=2\nEXPOSE 81\nCOPY f x',
    ),
)
SHELLS: Final = (
    *_seen(
        "SHELL and RUN",
        another='SHELL ["/bin/sh", "-ec"]\nRUN echo $- > /o/x',
        it_ends_at_a_failure='SHELL ["/bin/sh", "-ec"]\nRUN false; true',
        exec_form='SHELL ["/bin/sh", "-ec"]\nRUN ["sh", "-c", "echo $- > /o/x"]',
        one_word='SHELL ["/bin/echo"]\nRUN a b\nSHELL ["/bin/sh", "-c"]\nRUN echo 1 > /o/x',
        with_arguments='SHELL ["/bin/sh", "-c", "echo $0 $1 > /o/x"]\nRUN a b',
        a_heredoc='SHELL ["/bin/sh", "-ec"]\nRUN <<E\necho $- > /o/x\nE',
        a_heredoc_of_a_script='SHELL ["/bin/sh", "-ec"]\nRUN <<E\n#!/bin/sh\necho $- > /o/x\nE',
        a_heredoc_beside='SHELL ["/bin/sh", "-ec"]\nRUN cat <<E > /o/x; echo $- > /o/y\n1\nE',
        relative_to_PATH='SHELL ["sh", "-ec"]\nRUN echo $- > /o/x',
        none_that_is_there='SHELL ["/bin/nothing", "-c"]\nRUN true',
        a_variable_stays='ENV S=/bin/sh\nSHELL ["$S", "-c"]\nRUN true',
        two='SHELL ["/bin/false"]\nSHELL ["/bin/sh", "-uc"]\nRUN echo $- > /o/x',
    ),
    *_said(
        "SHELL",
        no_JSON="COPY f /\nSHELL /bin/sh -c",
        empty="COPY f /\nSHELL []",
        nothing="COPY f /\nSHELL",
        HEALTHCHECK='SHELL ["/x", "-c"]\nHEALTHCHECK CMD a b\nCOPY f /',
        CMD_before_it='CMD a b\nSHELL ["/x", "-c"]\nCOPY f /',
        numbers="COPY f /\nSHELL [1]",
    ),
)
COMMANDS: Final = (
    *_said(
        "CMD",
        twice="CMD a\nCMD b\nCOPY f /",
        a_variable="ENV A=1\nCMD echo $A\nCOPY f /",
        a_variable_in_JSON='ENV A=1\nCMD ["echo", "$A"]\nCOPY f /',
        bad_JSON='CMD ["a", b]\nCOPY f /',
        single_quotes="CMD ['a']\nCOPY f /",
        over_lines="CMD a \\\n  b\nCOPY f /",
        JSON_over_lines='CMD [ "a", \\\n  "b" ]\nCOPY f /',
        escapes_in_JSON='CMD ["a\\tb", "\\u00e9", "c\\\\d"]\nCOPY f /',
        nothing="CMD\nCOPY f /",
        a_comment="CMD a # b\nCOPY f /",
        before_ENTRYPOINT='CMD ["a"]\nENTRYPOINT ["b"]\nCOPY f /',
        after_ENTRYPOINT='ENTRYPOINT ["b"]\nCMD ["a"]\nCOPY f /',
        numbers_in_JSON="CMD [1, 2]\nCOPY f /",
        inner_blanks="CMD   a    b  \nCOPY f /",
    ),
    *_upon(
        "CMD upon a stage",
        'CMD ["a"]\nENTRYPOINT ["b"]',
        nothing_more="COPY f /",
        ENTRYPOINT="ENTRYPOINT c\nCOPY f /",
        ENTRYPOINT_and_CMD='ENTRYPOINT ["c"]\nCMD ["d"]\nCOPY f /',
        CMD_and_ENTRYPOINT='CMD ["d"]\nENTRYPOINT ["c"]\nCOPY f /',
        an_empty_ENTRYPOINT="ENTRYPOINT []\nCOPY f /",
        an_empty_CMD="CMD []\nCOPY f /",
        CMD_alone="CMD d\nCOPY f /",
        nothing_at_all="CMD\nENTRYPOINT\nCOPY f /",
    ),
)
METADATA: Final = (
    *_said(
        "HEALTHCHECK",
        all_options=(
            "HEALTHCHECK --interval=1m --timeout=2s --start-period=3s --start-interval=4s "
            "--retries=5 CMD a\nCOPY f /"
        ),
        fractions="HEALTHCHECK --interval=1.5s --timeout=500ms CMD a\nCOPY f /",
        hours="HEALTHCHECK --interval=1h2m3s CMD a\nCOPY f /",
        NONE_in_small_letters="HEALTHCHECK none\nCOPY f /",
        CMD_in_small_letters="HEALTHCHECK cmd a\nCOPY f /",
        NONE_with_more="COPY f /\nHEALTHCHECK NONE a",
        nothing="COPY f /\nHEALTHCHECK",
        no_command="COPY f /\nHEALTHCHECK CMD",
        an_empty_command="COPY f /\nHEALTHCHECK CMD []",
        an_unknown_type="COPY f /\nHEALTHCHECK RUN a",
        a_number_without_a_unit="COPY f /\nHEALTHCHECK --interval=5 CMD a",
        less_than_a_millisecond="COPY f /\nHEALTHCHECK --interval=1us CMD a",
        less_than_nothing="COPY f /\nHEALTHCHECK --timeout=-1s CMD a",
        zero="HEALTHCHECK --interval=0s --retries=0 CMD a\nCOPY f /",
        retries_less_than_nothing="COPY f /\nHEALTHCHECK --retries=-1 CMD a",
        retries_that_are_none="COPY f /\nHEALTHCHECK --retries=x CMD a",
        an_unknown_option="COPY f /\nHEALTHCHECK --every=5s CMD a",
        options_with_NONE="COPY f /\nHEALTHCHECK --interval=5s NONE",
        a_variable="ENV A=1\nHEALTHCHECK CMD a $A\nCOPY f /",
        a_variable_in_an_option="ARG A=5s\nHEALTHCHECK --interval=$A CMD a\nCOPY f /",
        twice="HEALTHCHECK --interval=5s CMD a\nHEALTHCHECK CMD b\nCOPY f /",
        over_lines="HEALTHCHECK --interval=5s \\\n  CMD a \\\n  b\nCOPY f /",
    ),
    *_upon(
        "HEALTHCHECK upon a stage",
        "HEALTHCHECK --interval=5s CMD a",
        nothing_more="COPY f /",
        NONE="HEALTHCHECK NONE\nCOPY f /",
        another="HEALTHCHECK CMD b\nCOPY f /",
    ),
    *_said(
        "EXPOSE",
        a_range="EXPOSE 8000-8002/udp\nCOPY f /",
        capitals="EXPOSE 80/TCP 53/UDP\nCOPY f /",
        sctp="EXPOSE 9/sctp\nCOPY f /",
        a_variable="ARG P=80\nENV Q=81/udp\nEXPOSE $P ${Q}\nCOPY f /",
        a_variable_of_several='ARG P="80 81"\nEXPOSE $P\nCOPY f /',
        a_variable_in_a_part="ARG P=80 T=udp\nEXPOSE $P/$T\nCOPY f /",
        a_default="EXPOSE ${P:-80}\nCOPY f /",
        two_defaults="EXPOSE ${P:-80}${T:-/udp}\nCOPY f /",
        a_default_and_nothing="EXPOSE ${P:-80}${T:+/udp}\nEXPOSE 81$T\nCOPY f /",
        a_slash_in_a_default="EXPOSE 80${T:-/udp}\nCOPY f /",
        an_argument_and_a_default="ARG P=80\nEXPOSE $P${T:-/udp}\nCOPY f /",
        nothing="COPY f /\nEXPOSE",
        no_number="COPY f /\nEXPOSE web",
        too_large="COPY f /\nEXPOSE 65536",
        an_unknown_protocol="COPY f /\nEXPOSE 80/icmp",
        a_range_backwards="COPY f /\nEXPOSE 8002-8000",
        of_the_host="COPY f /\nEXPOSE 80:8080",
        an_address="COPY f /\nEXPOSE 127.0.0.1:80:8080",
        zero="EXPOSE 0\nCOPY f /",
        twice="EXPOSE 80 80/tcp\nEXPOSE 80\nCOPY f /",
        in_quotes='EXPOSE "80"\nCOPY f /',
        a_slash_alone="COPY f /\nEXPOSE 80/",
        an_empty_variable="ARG P\nCOPY f /\nEXPOSE $P",
        a_range_for_a_range="COPY f /\nEXPOSE 80-81:90-91",
    ),
    *_said(
        "LABEL",
        quotes='LABEL "a b"=\'c d\' e=f\\ g h="i\\"j"\nCOPY f /',
        over_lines='LABEL a=1 \\\n  b=2 \\\n  c="3 \\\n4"\nCOPY f /',
        the_old_form="LABEL a b  c\nCOPY f /",
        an_empty_value='LABEL a= b=""\nCOPY f /',
        a_variable="ENV A=1\nLABEL a=$A b='$A' c=\"$A\" d=\\$A $A=e\nCOPY f /",
        a_variable_with_blanks='ENV A="1 2"\nLABEL a=$A\nCOPY f /',
        in_one_line="ENV A=1\nLABEL a=2 b=$a\nCOPY f /",
        no_name="COPY f /\nLABEL =x",
        no_value="COPY f /\nLABEL a",
        nothing="COPY f /\nLABEL",
        one_of_two_without_a_value="COPY f /\nLABEL a=1 b",
        dots_and_slashes="LABEL com.example/a-b.c_d=1\nCOPY f /",
        an_equals_sign="LABEL a=b=c\nCOPY f /",
        letters_that_are_no_ASCII="LABEL ä=☃\nCOPY f /",
        JSON='LABEL a=\'{"x": "y"}\'\nCOPY f /',
        a_backslash='LABEL a=b\\\\c d="e\\nf"\nCOPY f /',
    ),
    *_said(
        "STOPSIGNAL",
        a_number="STOPSIGNAL 15\nCOPY f /",
        without_SIG="STOPSIGNAL KILL\nCOPY f /",
        small_letters="STOPSIGNAL sigterm\nCOPY f /",
        real_time="STOPSIGNAL SIGRTMIN+3\nCOPY f /",
        real_time_s_end="STOPSIGNAL SIGRTMAX-1\nCOPY f /",
        a_variable="ENV S=SIGQUIT\nSTOPSIGNAL ${S}\nCOPY f /",
        unknown="COPY f /\nSTOPSIGNAL SIGNOTHING",
        too_large="COPY f /\nSTOPSIGNAL 65",
        zero="COPY f /\nSTOPSIGNAL 0",
        less_than_nothing="COPY f /\nSTOPSIGNAL -1",
        nothing="COPY f /\nSTOPSIGNAL",
        two_words="COPY f /\nSTOPSIGNAL 9 15",
        a_sum_without_an_end="COPY f /\nSTOPSIGNAL SIGTERM+3",
    ),
    *_said(
        "MAINTAINER",
        twice="MAINTAINER a\nMAINTAINER b c\nCOPY f /",
        nothing="COPY f /\nMAINTAINER",
    ),
)
SETTINGS: Final = (
    *DIRECTORIES,
    *USERS,
    *VOLUMES,
    *TRIGGERS,
    *SHELLS,
    *COMMANDS,
    *METADATA,
)
