"""Stages: their names and numbers, which of them are built, and for which platform."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, scratch, seen

_FILES: Final[Context] = {"f": "1", "g": "2"}


def _stages(target: str | None = None, **texts: str) -> tuple[Case, ...]:
    return tuple(
        Case(f"stages: {name.replace('_', ' ')}", f"{text}\n", _FILES, target=target)
        for name, text in texts.items()
    )


_FAILS: Final = f"FROM {BASE} AS fails\nRUN false\nCOPY nothing /\n"
STAGES: Final = (
    *_stages(
        one_that_fails_and_is_not_needed=f"{_FAILS}FROM scratch\nCOPY f /x",
        an_image_that_is_not_there_and_is_not_needed=(
            "FROM example.invalid/nothing:1 AS a\nFROM scratch\nCOPY f /x"
        ),
        one_that_is_bad_and_is_not_needed="FROM scratch AS a\nCOPY f\nFROM scratch\nCOPY f /x",
        one_with_a_bad_variable_and_is_not_needed=(
            "FROM scratch AS a\nENV A=${B:?no}\nFROM scratch\nCOPY f /x"
        ),
        one_of_a_variable_that_is_not_set_and_is_not_needed="FROM $A AS a\nFROM scratch\nCOPY f /x",
        a_later_one_of_a_target_is_not_read="FROM scratch\nENV A=1\nFROM example.invalid/x\nRUN x",
        a_name_in_other_letters="FROM scratch AS Abc\nCOPY f /x\nFROM aBC\nCOPY g /y",
        two_of_a_name="FROM scratch AS a\nENV A=1\nFROM scratch AS a\nENV A=2\nFROM a\nENV B=1",
        two_of_a_name_in_other_letters="FROM scratch AS a\nENV A=1\nFROM a AS A\nENV B=2\nFROM A",
        one_of_itself="FROM scratch AS b\nFROM a AS a\nENV A=1",
        a_number_in_FROM="FROM scratch\nENV A=1\nFROM 0\nENV B=1",
        a_later_one_in_FROM="FROM later AS a\nFROM scratch AS later\nENV A=1\nFROM a",
        a_name_that_is_a_number_of_another=(
            "FROM scratch AS a\nCOPY f /x\nFROM scratch AS b\nCOPY g /x\nFROM scratch\n"
            "COPY --from=1 /x /1\nCOPY --from=00 /x /0"
        ),
        a_number_with_a_sign=(
            "FROM scratch\nCOPY f /x\nFROM scratch\nCOPY f /\nCOPY --from=+0 /x /y"
        ),
        a_number_below_nothing=(
            "FROM scratch\nCOPY f /x\nFROM scratch\nCOPY f /\nCOPY --from=-1 /x /y"
        ),
        nothing_as_a_source="FROM scratch\nCOPY f /\nCOPY --from=scratch /x /y",
        a_name_that_is_an_image=(
            f"FROM scratch AS {BASE.rpartition('/')[2].partition(':')[0]}\nCOPY f /x\n"
            f"FROM scratch\nCOPY --from={BASE} /bin/true /"
        ),
        an_image_s_file_that_is_not_there=f"FROM scratch\nCOPY f /\nCOPY --from={BASE} /nothing /",
        a_number_of_no_stage="FROM scratch\nCOPY f /\nCOPY --from=5 /f /x",
        a_source_that_is_no_name="FROM scratch\nCOPY f /\nCOPY --from=a+b /f /x",
        a_source_that_is_no_name_in_FROM="FROM scratch AS x\nFROM A+B\nENV A=1",
        a_variable_as_a_source=(
            "FROM scratch AS a\nCOPY f /x\nFROM scratch\nENV S=a\nCOPY f /\nCOPY --from=$S /x /y"
        ),
        a_heading_s_variable_as_a_source=(
            "ARG S=a\nFROM scratch AS a\nCOPY f /x\nFROM scratch\nCOPY f /\nCOPY --from=${S} /x /y"
        ),
        a_chain=(
            "FROM scratch AS a\nCOPY f /a\nFROM a AS b\nCOPY f /b\nFROM b AS c\n"
            "COPY --from=a /a /c\nFROM c"
        ),
        settings_of_a_parent_that_is_needed_twice=(
            "FROM scratch AS a\nENV A=1\nWORKDIR /w\nFROM a AS b\nENV A=2\nCOPY f b\nFROM a AS c\n"
            "COPY f c\nFROM a\nCOPY --from=b w/b .\nCOPY --from=c w/c .\nENV B=$A"
        ),
        a_command_of_a_parent=(
            'FROM scratch AS a\nCMD ["a"]\nENTRYPOINT ["b"]\nFROM a\nENTRYPOINT ["c"]'
        ),
        a_platform_of_the_host="FROM --platform=linux/amd64 scratch\nCOPY f /x",
        a_platform_in_capitals="FROM --platform=Linux/AMD64 scratch\nENV A=1",
        a_platform_of_another_name="FROM --platform=linux/x86_64 scratch\nENV A=1",
        a_platform_without_a_system="FROM --platform=amd64 scratch\nENV A=1",
        a_platform_of_a_variable=(
            "FROM --platform=$BUILDPLATFORM scratch AS a\nCOPY f /x\n"
            "FROM --platform=${TARGETPLATFORM} a\nENV A=1"
        ),
        a_platform_of_an_argument="ARG P=linux/amd64\nFROM --platform=$P scratch\nENV A=1",
        a_platform_of_a_default="FROM --platform=${P:-linux/amd64} scratch\nENV A=1",
        a_platform_that_is_none="FROM --platform=a/b/c/d scratch\nENV A=1",
        a_platform_that_is_empty="FROM --platform=$P scratch\nENV A=1",
        another_platform_that_is_not_needed=(
            "FROM --platform=linux/arm64 scratch AS a\nCOPY nothing /\nFROM scratch\nENV A=1"
        ),
        another_platform_as_a_source=(
            "FROM --platform=linux/arm64 scratch AS a\nARG TARGETARCH\nCOPY f /$TARGETARCH\n"
            "FROM scratch\nCOPY --from=a / /x/"
        ),
    ),
    *_stages(
        "0",
        a_target_of_a_number="FROM scratch\nENV A=1\nFROM scratch\nENV A=2",
    ),
    *_stages(
        "1",
        a_target_of_the_last_number="FROM scratch\nENV A=1\nFROM scratch\nENV A=2",
    ),
    *_stages("2", a_target_of_no_number="FROM scratch\nENV A=1\nFROM scratch\nENV A=2"),
    *_stages("no", a_target_that_is_not_there="FROM scratch AS a\nENV A=1"),
    *_stages(
        "a",
        a_target_before_one_that_fails=f"FROM scratch AS a\nENV A=1\n{_FAILS}",
        a_target_before_one_that_is_bad="FROM scratch AS a\nENV A=1\nFROM scratch\nENVV A=2",
        a_target_that_two_have=(
            "FROM scratch AS a\nENV A=1\nFROM scratch AS a\nENV A=2\nFROM scratch"
        ),
        a_target_s_name_in_a_variable=(
            "FROM scratch AS a\nARG TARGETSTAGE\nENV A=$TARGETSTAGE\nFROM scratch\nENV A=2"
        ),
    ),
    *_stages(
        "AB", a_target_in_other_letters="FROM scratch AS ab\nARG TARGETSTAGE\nENV A=$TARGETSTAGE"
    ),
)
MOUNTS: Final = (
    Case(
        "stages: mounted",
        seen(
            "RUN --mount=from=a,target=/m cp /m/x /o/x",
            "RUN --mount=type=bind,from=A,source=/d,target=/m cp /m/y /o/y",
            f"RUN --mount=from={BASE},source=/etc,target=/m cp /m/passwd /o/p",
            head="FROM scratch AS a\nCOPY f /x\nCOPY g /d/y",
        ),
        _FILES,
    ),
    Case(
        "stages: mounted, a number",
        seen(
            "RUN --mount=from=0,source=x,target=/m cp /m /o/x", head="FROM scratch AS a\nCOPY f /x"
        ),
        _FILES,
    ),
    Case(
        "stages: mounted, one that fails is needed",
        seen("RUN --mount=from=fails,target=/m true", head=_FAILS),
    ),
    Case(
        "stages: mounted, a later one",
        seen("RUN --mount=from=late,target=/m ls /m").replace(
            "FROM scratch", "FROM scratch AS late\nFROM scratch"
        ),
    ),
    Case("stages: mounted, itself", seen("RUN --mount=from=made,target=/m ls /m")),
    Case(
        "stages: mounted, a named context",
        seen("RUN --mount=from=more,target=/m cp /m/f /o/x"),
        more={"more": {"f": "3"}},
    ),
    Case(
        "stages: mounted, what is not there",
        seen("RUN --mount=from=a,source=/no,target=/m true", head="FROM scratch AS a\nCOPY f /x"),
        _FILES,
    ),
)
CONTEXTS: Final = (
    Case(
        "stages: a context over a stage that fails",
        f"{_FAILS}FROM fails\nCOPY f /x\n",
        _FILES,
        more={"fails": {"y": "3"}},
    ),
    Case(
        "stages: a context over an image",
        f"FROM {BASE}\nCOPY f /x\n",
        _FILES,
        more={BASE: {"y": "3"}},
    ),
    Case(
        "stages: a context over an image that is not there",
        scratch("COPY --from=example.invalid/a:1 y /x"),
        more={"example.invalid/a:1": {"y": "3"}},
    ),
    Case(
        "stages: a context over an image without its tag",
        "FROM example.invalid/a\nCOPY f /x\n",
        _FILES,
        more={"example.invalid/a:latest": {"y": "3"}},
    ),
    Case(
        "stages: a context over an image of the library",
        "FROM nothing-there\nCOPY f /x\n",
        _FILES,
        more={"docker.io/library/nothing-there": {"y": "3"}},
    ),
    Case(
        "stages: a context over a number",
        "FROM scratch\nCOPY f /y\nFROM scratch\nCOPY --from=0 /y /x\n",
        _FILES,
        more={"0": {"y": "3"}},
    ),
    Case(
        "stages: a context over nothing", scratch("COPY f /x"), _FILES, more={"scratch": {"y": "3"}}
    ),
)
PLATFORMS: Final = (*STAGES, *MOUNTS, *CONTEXTS)
