"""Around COPY: working directories, users, volumes, arguments, and what an image says."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, Directory, on_base, scratch, seen

_FILES: Final[Context] = {
    "f": "1",
    "g": "2",
    "f2": "3",
    "d/f": "4",
    "etc/passwd": "joe:x:1234:4321::/home/joe:/bin/sh\n",
    "etc/group": "joes:x:4321:\nstaff:x:50:joe\n",
    "$A": "5",
    "a b": "6",
    "v": Directory(0o1777),
    "v/old": "old",
}


def _said(kind: str, **lines: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"{kind}: {name.replace('_', ' ')}", scratch(*line.split("\n")), _FILES)
        for name, line in lines.items()
    )


DIRECTORIES: Final = (
    *_said(
        "WORKDIR",
        alone="WORKDIR /w/x",
        of_a_user="COPY etc /etc\nUSER joe\nWORKDIR /w/x\nUSER root\nWORKDIR y",
        of_a_user_and_a_group="COPY etc /etc\nUSER joe:staff\nWORKDIR /w/x",
        of_numbers="USER 5:6\nWORKDIR /w/x",
        of_a_number="USER 5\nWORKDIR /w/x\nCOPY f .",
        of_an_unknown_user="COPY etc /etc\nUSER nobody\nWORKDIR /w/x",
        relative="WORKDIR a\nWORKDIR b/../c\nWORKDIR ./d/",
        with_variables="ENV D=/a\nARG E=b\nWORKDIR $D/${E}\nCOPY f ${E}/",
        that_is_there="COPY v /v\nUSER 5\nWORKDIR /v\nCOPY f .",
        over_a_file="COPY f /f\nWORKDIR /f",
        dots="WORKDIR /../../w",
        with_blanks="WORKDIR /a b\nCOPY f .",
        nothing="ENV E=\nCOPY f /\nWORKDIR $E",
    ),
    Case("WORKDIR: of the base's user", on_base("USER tester", "WORKDIR /home/tester/a/b")),
    Case(
        "WORKDIR: of a user, in a RUN",
        seen(
            "USER tester",
            "WORKDIR /w/x",
            "USER root",
            "RUN stat -c '%a %u %g' /w /w/x > /o/stat; pwd > /o/pwd",
        ),
    ),
    Case(
        "WORKDIR: of a stage that another begins with",
        scratch("WORKDIR /w", "USER 5", "FROM a", "COPY f x", "WORKDIR y").replace(
            "FROM scratch", "FROM scratch AS a"
        ),
        _FILES,
    ),
)
VOLUMES: Final = (
    *_said(
        "VOLUME",
        then_COPY="VOLUME /v\nCOPY f /v/\nCOPY g /v/x/",
        several='VOLUME ["/v", "/a b"]\nVOLUME /w /x\nCOPY f /w',
        of_a_directory="COPY v /v\nVOLUME /v\nCOPY f /v/old",
    ),
    Case(
        "VOLUME: then RUN",
        seen("VOLUME /v", "RUN mkdir -p /v; echo 2 > /v/b", "COPY f /v/", "RUN cp -a /v /o/"),
        _FILES,
    ),
)
TRIGGERS: Final = (
    Case(
        "ONBUILD: COPY and ADD",
        scratch(
            "ONBUILD COPY f /a/",
            "ONBUILD ADD --chown=5:6 g /b/",
            "FROM a",
            "COPY f /c",
        ).replace("FROM scratch", "FROM scratch AS a"),
        _FILES,
    ),
    Case(
        "ONBUILD: what stands after it comes later",
        scratch(
            "WORKDIR /w", "ONBUILD COPY f x", "ONBUILD WORKDIR y", "FROM a", "COPY f z"
        ).replace("FROM scratch", "FROM scratch AS a"),
        _FILES,
    ),
    Case(
        "ONBUILD: it is done once",
        scratch("ONBUILD COPY f /x", "FROM a AS b", "FROM b", "COPY g /y").replace(
            "FROM scratch", "FROM scratch AS a"
        ),
        _FILES,
    ),
    Case(
        "ONBUILD: from a stage",
        "FROM scratch AS s\nCOPY f /s\nFROM scratch AS a\nONBUILD COPY --from=s /s /x\nFROM a\n",
        _FILES,
    ),
    Case(
        "ONBUILD: variables",
        "FROM scratch AS a\nENV E=x\nONBUILD ARG V=2\nONBUILD COPY f$V /$E\nFROM a\nCOPY f$V /y\n",
        _FILES,
    ),
    Case(
        "ONBUILD: it stays in the image", scratch("ONBUILD COPY f /x", "ONBUILD RUN true"), _FILES
    ),
    Case("ONBUILD: one that is not allowed", scratch("COPY f /", "ONBUILD FROM x"), _FILES),
    Case(
        "ONBUILD: a file that is not there",
        scratch("ONBUILD COPY nothing /x", "FROM a", "COPY f /c").replace(
            "FROM scratch", "FROM scratch AS a"
        ),
        _FILES,
    ),
)
VARIABLES: Final = (
    *_said(
        "variable",
        in_a_source="ARG A=f\nCOPY $A ${A}2 /x/",
        in_a_destination="ENV A=/x/y\nCOPY f $A\nCOPY g ${A}z/",
        that_is_not_set="COPY f /x$A\nCOPY f$A /y",
        that_is_escaped="ENV A=1\nCOPY \\$A /x/",
        in_quotes="ENV A=f\nCOPY \"$A\" '/$A'",
        in_JSON='ENV A=f\nCOPY ["$A", "/x$A"]',
        with_blanks='ARG A="a b"\nCOPY $A /x/',
        of_two_files='ARG A="f g"\nCOPY $A /x/',
        with_a_default="COPY ${A:-f} /${B-x}\nCOPY ${A:+g}g /y",
        that_must_be_set="COPY f /\nCOPY f /${A:?no}",
        ARG_after_ENV="ENV V=1\nARG V=2\nCOPY f$V /x",
        ENV_after_ARG="ARG V=1\nENV V=2\nCOPY f$V /x",
        ENV_in_one_line="ENV V=2 W=$V\nCOPY f$V f$W /x/",
        of_a_prefix="ARG V=xf\nCOPY ${V#x} /x",
        that_is_a_glob="ARG V=f*\nCOPY $V /x/",
        bad="COPY f /\nCOPY f /${A",
    ),
    Case("variable: given", scratch("ARG V=1", "COPY f$V /x"), _FILES, args=(("V", "2"),)),
    Case(
        "variable: of the heading",
        scratch("ARG V", "COPY f$V /x", "COPY f$W /y", head="ARG V=2\nARG W=2"),
        _FILES,
    ),
    Case(
        "variable: ARG of a stage that another begins with",
        "FROM scratch AS a\nARG V=2\nFROM a\nCOPY f$V /x\n",
        _FILES,
    ),
    Case(
        "variable: ARG over an ENV of a stage",
        "FROM scratch AS a\nENV V=1\nFROM a\nARG V=2\nCOPY f$V /x\n",
        _FILES,
    ),
    Case(
        "variable: the platform's",
        scratch("ARG TARGETOS", "COPY f /$TARGETOS", "COPY f /x$TARGETARCH"),
        _FILES,
    ),
    Case(
        "variable: SOURCE_DATE_EPOCH",
        scratch("ARG SOURCE_DATE_EPOCH", "COPY f /a/$SOURCE_DATE_EPOCH", "COPY <<E /y", "1", "E"),
        _FILES,
        args=(("SOURCE_DATE_EPOCH", "1400000000"),),
    ),
)
SAID: Final = (
    *_said(
        "image",
        environment="ENV A=1 B='two words' C=$A\nENV PATH=/x:$PATH\nENV old style\nCOPY f /",
        command='CMD ["a", "b c"]\nCOPY f /',
        command_of_a_shell="CMD a $b 'c'\nCOPY f /",
        entrypoint_of_a_shell="ENTRYPOINT exec a\nCMD b\nCOPY f /",
        an_empty_entrypoint="ENTRYPOINT []\nCMD []\nCOPY f /",
        another_shell='SHELL ["/bin/x", "-c"]\nCMD a b\nENTRYPOINT c\nCOPY f /',
        labels="LABEL a=1 b=\"two $A\" 'c d'=e\nLABEL a=2\nCOPY f /",
        ports="EXPOSE 80 443/tcp 53/udp 8000-8002\nCOPY f /",
        health="HEALTHCHECK --interval=5s --timeout=1m30s --retries=3 CMD a b\nCOPY f /",
        health_in_JSON='HEALTHCHECK --start-period=1s CMD ["a", "b"]\nCOPY f /',
        no_health="HEALTHCHECK CMD a\nHEALTHCHECK NONE\nCOPY f /",
        signal="STOPSIGNAL SIGUSR1\nCOPY f /",
        signal_that_is_a_number="ARG S=9\nSTOPSIGNAL $S\nCOPY f /",
        user="USER joe:staff\nCOPY f /",
        user_with_a_variable="ARG U=joe\nUSER $U\nCOPY f /",
        maintainer="MAINTAINER me <me@x>\nCOPY f /",
        all_of_it_and_a_later_COPY=(
            'ENV A=1\nUSER 5\nWORKDIR /w\nCMD ["a"]\nENTRYPOINT ["b"]\nVOLUME /v\nLABEL l=1\n'
            'SHELL ["/s"]\nONBUILD COPY f /x\nHEALTHCHECK CMD h\nEXPOSE 80\nSTOPSIGNAL 9\nCOPY f /'
        ),
    ),
    Case(
        "image: what a stage says is said by what begins with it",
        scratch(
            "ENV A=1",
            "USER 5",
            "WORKDIR /w",
            'CMD ["a"]',
            "VOLUME /v",
            "LABEL l=1 m=1",
            'SHELL ["/s"]',
            "HEALTHCHECK CMD h",
            "EXPOSE 80",
            "STOPSIGNAL 9",
            "FROM a",
            "LABEL m=2",
            "ENV A=2 B=$A",
            "EXPOSE 81",
            "COPY f x",
        ).replace("FROM scratch", "FROM scratch AS a"),
        _FILES,
    ),
    Case(
        "image: of a target",
        f"FROM scratch AS a\nCOPY f /\nFROM {BASE} AS b\nRUN false\n",
        _FILES,
        target="a",
    ),
    Case(
        "image: of a target in other letters",
        "FROM scratch AS Aa\nCOPY f /\nFROM scratch\n",
        _FILES,
        target="aA",
    ),
    Case(
        "image: an unknown instruction",
        scratch("COPY f /", "COPPY g /"),
        _FILES,
    ),
    Case(
        "image: two of a base",
        on_base("CMD a", "ENV A=1", "COPY f /home/tester/", "USER tester"),
        _FILES,
    ),
)
CONFIGURATIONS: Final = (*DIRECTORIES, *VOLUMES, *TRIGGERS, *VARIABLES, *SAID)
