"""ARG, ENV and variables: what is replaced where, and what an argument is worth."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, scratch, seen

_FILES: Final[Context] = {"f": "1", "g": "2"}
_SET: Final = "ENV S=a/b.c/b.d E=\nARG U"


def _substitutions(head: str = "", **lines: str) -> tuple[Case, ...]:
    """What S, which has a value, E, which is empty, and U, which is not set, are replaced with."""
    return tuple(
        Case(
            f"substitution{' with `' if head else ''}: {name.replace('_', ' ')}",
            scratch(*_SET.split("\n"), *line.split("\n"), head=head),
        )
        for name, line in lines.items()
    )


def _of(kind: str, **texts: str) -> tuple[Case, ...]:
    """Whole containerfiles; those without a FROM begin with nothing."""
    return tuple(
        Case(f"{kind}: {name.replace('_', ' ')}", _whole(text), _FILES)
        for name, text in texts.items()
    )


def _whole(text: str) -> str:
    return f"{text}\n" if "FROM" in text else scratch(*text.split("\n"))


SUBSTITUTIONS: Final = (
    *_substitutions(
        a_default="ENV A=${S:-d} B=${E:-d} C=${U:-d} D=${S-d} F=${E-d} G=${U-d} H=${U:-}",
        an_alternative="ENV A=${S:+d} B=${E:+d} C=${U:+d} D=${S+d} F=${E+d} G=${U+d} H=${S:+}",
        that_must_be_set="ENV A=${S:?no} B=${S?no} C=${E?no}",
        that_must_be_set_and_is_empty="ENV A=${E:?no}",
        that_must_be_set_and_is_not="ENV A=1\nENV A=${U?no}",
        that_must_be_set_without_a_word="ENV A=1\nENV A=${U:?}",
        a_prefix="ENV A=${S#*b} B=${S##*b} C=${S#a} D=${S#b} F=${S#?/} G=${S#} H=${S##*} I=${U#x}",
        a_suffix="ENV A=${S%b*} B=${S%%b*} C=${S%.d} D=${S%c} F=${S%?} G=${S%} H=${S%%*} I=${U%x}",
        a_replacement="ENV A=${S/b/x} B=${S//b/x} C=${S/b} D=${S//b/}",
        a_replacement_without_an_end="ENV A=1\nENV A=${S/b",
        replacements="ENV A=${S/b/x} B=${S//b/x} C=${S//b/} D=${S/?/x} F=${S//./} G=${S/*b/x}",
        replacements_with_variables="ENV P=b R=x\nENV A=${S/$P/$R} B=${S//${P}/${R:-y}}",
        a_slash_replaced="ENV A=${S/\\//x} B=${S//\\//x} C=${S//b/\\/}",
        nested="ENV A=${U:-${V:-x$S}} B=${S:+${E:-z}} C=${U:-${E:+x}y} D=${U:-a${S#a}b}",
        variables_in_patterns="ENV P=a/ Q=*b\nENV A=${S#$P} B=${S##${Q}} C=${S%$U} D=${S%.$E*}",
        brackets_in_patterns="ENV A=${S#[a]} B=${S%[d]}",
        escapes_in_patterns="ENV T=a*b\nENV A=${T#a\\*} B=${T#*\\*} C=${T%\\*b}",
        a_bad_escape_in_a_pattern="ENV A=1\nENV A=${S#\\a}",
        no_braces="ENV A=$S.x B=$Sx C=$S_ D=$S-x F=$S$E$S G=x$U H=${S}x",
        other_letters="ENV s=2\nENV A=$s B=${s} C=$S1 D=${S1}",
        a_dollar_alone='ENV A=$ B=a$ C=$. D=$/ F="$" G="a $ b"',
        dollars='ENV A=$$ B=$$S C="$$"',
        numbers="ENV A=$1 B=${1} C=$12x D=${1:-d} F=x$0",
        other_parameters="ENV A=$@ B=$* C=$? D=$! F=$-",
        a_bracket="ENV A=$(echo) B=$[1]",
        backquotes="ENV A=`echo`",
        letters_of_others="ENV é=1\nENV A=$é B=${é}",
        quotes="ENV A='$S' B=\"$S\" C=\"'$S'\" D='\"$S\"' F=a\"$S\"'$S'b G=\"\" H=''",
        escapes='ENV A=\\$S B=\\\\$S C="\\$S" D="\\\\$S" F=a\\ b G="a\\ b" H=\\a I="\\a" J=\'\\\'',
        escaped_quotes='ENV A=\\" B="a\\"b" C=\\\' D="\\\'" F=\\\\\\"',
        quotes_in_a_default='ENV A=${U:-\'a b\'} B=${U:-"a b"} C="${U:-\'a\'}" D="${U:-"a b"}"',
        blanks_in_a_default='ENV A="${U:-a b}"',
        blanks_in_a_default_without_quotes="ENV A=${U:-a b}",
        braces_in_a_default="ENV A=${U:-\\}} B=${U:-a\\}b} C=${U:-{x} D=\"${U:-'}'}\"",
        an_equals_sign="ENV A=$S=$S B==x C=${U:-a=b}",
        braces_that_never_end="ENV A=1\nENV A=${S",
        braces_around_nothing="ENV A=1\nENV A=${}",
        a_colon_alone="ENV A=1\nENV A=${:-x}",
        an_unknown_operator="ENV A=1\nENV A=${S^}",
        an_assignment="ENV A=1\nENV A=${U:=x}",
        a_part="ENV A=1\nENV A=${S:1}",
        of_a_name_in_a_variable="ENV A=1\nENV A=${!S}",
        a_length="ENV A=1\nENV A=${#S}",
        a_quote_that_never_ends="ENV A=1\nENV A='x",
        a_double_quote_that_never_ends='ENV A=1\nENV A="x',
        an_escape_at_the_end="ENV A=1\nENV A=x\\",
    ),
    *_substitutions(
        "# escape=`",
        escapes='ENV A=`$S B=``$S C="`$S" D=a` b F=\\$S G="\\$S" H=C:\\x I=`a J="`a"',
        patterns="ENV A=${S#*b} B=${S/b/`/} C=${U:-`}}",
        slashes_in_patterns="ENV T=a\\b\nENV A=${T#a\\\\} B=${T%b} C=$T",
        quotes="ENV A=`\" B=\"a`\"b\" C='`' D='\\'",
    ),
)
ENVIRONMENT: Final = _of(
    "ENV",
    old_form="ENV A  b  c \nENV B 'b'  \"c\" $A\nENV C a=b\nENV D \\$A \\\\",
    old_form_and_a_tab="ENV A\tb\nENV\tB\tc",
    old_form_with_an_equals_sign_later="ENV A b=1 c=2",
    old_form_with_a_blank_before_the_sign="ENV A =1",
    a_blank_after_the_sign="ENV A= B=2",
    a_blank_after_the_sign_and_a_value="ENV C=1\nENV A= 1",
    a_name_alone="ENV A=1\nENV A",
    a_name_alone_among_others="ENV A=1\nENV A=1 B",
    no_name="ENV A=1\nENV =1",
    nothing="ENV A=1\nENV",
    a_quoted_name="ENV \"A\"=1 'B'=2 C\\ D=3",
    a_quoted_pair="ENV 'A=1 2'\nENV \"B=1 2\"",
    a_variable_in_the_name="ENV A=x\nENV $A=1 B${A}=2",
    values_of_the_line_before="ENV A=1\nENV A=2 B=$A C=$B\nENV D=$A$B$C",
    itself="ENV P=a\nENV P=$P:b\nENV P=${P}:c Q=$P",
    PATH="ENV PATH=/x:$PATH",
    of_several_lines="ENV A=1 \\\n  B=2 \\\n# no\n  C=3",
    a_value_of_several_lines='ENV A="1\\\n  2" B=3\\\n4',
    twice="ENV A=1 A=2\nENV B=1\nENV B=2",
    odd_names="ENV a.b=1 c-d=2 1=3 e/f=4",
    a_name_that_is_a_flag="ENV A=1\nENV --a=b",
    a_tab_in_a_value='ENV A="a\tb" B=a\\\tb',
)
ARGUMENTS: Final = _of(
    "ARG",
    several="ARG A=1 B=$A C=${B}x D\nENV V=$A/$B/$C/$D",
    quotes="ARG A='$x y' B=\"a b\" C=\\$A\nENV V=$A/$B/$C",
    again="ARG A=1\nARG A\nENV V=$A",
    again_with_another_default="ARG A=1\nARG A=2$A\nENV V=$A",
    nothing="ENV A=1\nARG",
    no_name="ENV A=1\nARG =1",
    a_name_in_quotes="ARG \"A\"=1 'B=2'\nENV V=$A W=$B",
    it_is_no_ENV="ARG A=1",
    a_default_that_is_empty="ARG A=\nENV V=${A-d} W=${A:-d}",
    none_and_a_default="ARG A\nENV V=${A-d} W=${A:-d}",
    ENV_first="ENV A=1\nARG A=2\nENV V=$A",
    ENV_first_and_no_default="ENV A=1\nARG A\nENV V=$A",
    ENV_later="ARG A=1\nENV A=2\nARG A=3\nENV V=$A",
    before_it_stands="ENV V=$A\nARG A=1\nENV W=$A",
    of_the_heading="ARG A=1\nFROM scratch\nENV V=$A\nARG A\nENV W=$A",
    of_the_heading_with_another_default="ARG A=1\nFROM scratch\nARG A=2\nENV V=$A",
    of_the_heading_from_another="ARG A=1\nARG B=${A}2 C='$A'\nFROM scratch\nARG B C\nENV V=$B/$C",
    of_the_heading_in_a_default="ARG A=1\nFROM scratch\nARG B=x$A\nENV V=$B",
    of_the_heading_without_a_value="ARG A\nFROM scratch\nARG A\nENV V=${A-d}",
    of_the_heading_and_an_ENV="ARG A=1\nFROM scratch\nENV A=2\nARG A\nENV V=$A",
    of_the_heading_that_is_bad="ARG A=${B:?no}\nFROM scratch\nENV V=1",
    in_FROM="ARG A=cra\nARG B=s${A}tch\nFROM $B AS a\nENV V=1\nFROM ${B}\nENV V=2",
    in_FROM_with_a_default="FROM ${A:-scratch}\nENV V=1",
    in_FROM_of_a_stage="ARG A=a\nFROM scratch AS a\nENV V=1\nFROM $A\nENV W=1",
    in_FROM_in_part="ARG A=a\nFROM scratch AS a1\nENV V=1\nFROM ${A}1\nENV W=1",
    in_FROM_that_is_not_set="FROM scratch AS a\nFROM $A\nENV V=1",
    in_FROM_that_is_not_set_after_a_stage_without_a_name="FROM scratch\nENV V=1\nFROM $A\nENV V=2",
    in_FROM_of_an_earlier_stage="FROM scratch AS a\nARG A=scratch\nFROM $A\nENV V=1",
    in_FROM_with_quotes='ARG A=scratch\nFROM "$A"\nENV V=1',
    in_the_name_of_a_stage="ARG A=a\nFROM scratch AS $A\nENV V=1",
    of_another_stage="FROM scratch AS a\nARG A=1\nFROM scratch\nENV V=${A-d}",
    of_a_parent="FROM scratch AS a\nARG A=1\nFROM a\nENV V=$A",
    of_a_parent_s_parent="FROM scratch AS a\nARG A=1\nFROM a AS b\nARG B=$A\nFROM b\nENV V=$A$B",
    of_a_parent_and_no_default="FROM scratch AS a\nARG A=1\nFROM a\nARG A\nENV V=$A",
    of_a_parent_and_the_heading="ARG A=0\nFROM scratch AS a\nARG A=1\nFROM a\nARG A\nENV V=$A",
    of_a_parent_over_its_ENV="FROM scratch AS a\nENV A=1\nARG A=2\nFROM a\nENV V=$A",
    of_a_parent_and_an_ENV="FROM scratch AS a\nARG A=1\nENV A=2\nFROM a\nENV V=$A",
    over_an_ENV_of_a_parent=(
        "FROM scratch AS a\nENV A=1\nFROM a\nARG A=2\nENV V=$A\nARG A\nENV W=$A"
    ),
    the_platform_s=(
        "ARG TARGETPLATFORM BUILDPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDOS BUILDARCH "
        "BUILDVARIANT\nENV A=$TARGETPLATFORM B=$BUILDPLATFORM C=$TARGETOS/$TARGETARCH"
        "/$TARGETVARIANT/$BUILDOS/$BUILDARCH/${BUILDVARIANT-d}"
    ),
    the_platform_s_without_ARG="ENV A=$TARGETPLATFORM/$TARGETOS/${BUILDARCH:-d}",
    the_platform_s_with_a_default="ARG TARGETARCH=x\nENV A=$TARGETARCH",
    the_platform_s_in_the_heading="ARG A=$TARGETARCH\nFROM scratch\nARG A\nENV V=$A",
    the_platform_s_in_the_heading_with_a_default=(
        "ARG TARGETARCH=x\nARG A=$TARGETARCH\nFROM scratch\nARG A TARGETARCH\n"
        "ENV V=$A W=$TARGETARCH"
    ),
    the_platform_s_in_FROM="FROM scratch AS x-amd64\nENV V=1\nFROM x-$TARGETARCH\nENV W=1",
    the_stage_s="FROM scratch AS a\nARG TARGETSTAGE\nENV V=$TARGETSTAGE\nFROM a AS b\nENV W=1",
    the_stage_s_in_FROM=(
        "FROM scratch AS b\nENV V=1\nFROM scratch AS x-default\nENV V=2\nFROM x-$TARGETSTAGE"
    ),
    in_other_instructions=(
        "ARG A=5 B=/w C\nUSER $A:${A}6\nWORKDIR $B/${C:-x}\nEXPOSE $A ${A}3/udp\nVOLUME $B "
        '["$B"]\nSTOPSIGNAL ${C:-9}\nLABEL l=$A "m $A"="$B \'$C\'" n$A=\'$A\'\nSHELL ["$A"]\n'
        'CMD ["$A"]\nENTRYPOINT $A ${C:-x}\nHEALTHCHECK CMD $A'
    ),
    several_ports_in_one="ARG P='80 81'\nEXPOSE $P\nEXPOSE \"$P\"",
    a_volume_with_a_blank='ARG V="/a b"\nVOLUME $V\nVOLUME ["$V/c", "/d"]',
    a_user_that_is_empty="ENV A=1\nUSER $U",
    a_trigger=(
        "FROM scratch AS a\nARG A=1\nENV E=1\nONBUILD ENV V=$A W=$E X=${U:-d}\nFROM a\nENV Y=$A"
    ),
    a_mode=(
        "ARG M=4711\nARG O=5\nCOPY --chmod=$M --chown=${O}:${O} f /x\nCOPY --chmod=${N:-600} f /y"
    ),
    an_owner_that_is_empty="COPY --chown=$O f /x",
)


def _given(name: str, text: str, **args: str) -> Case:
    return Case(f"argument that is given: {name}", _whole(text), args=(*args.items(),))


GIVEN: Final = (
    _given("over a default", "ARG A=1\nENV V=$A", A="2"),
    _given("where there is no default", "ARG A\nENV V=$A", A="2"),
    _given("empty", "ARG A=1\nENV V=${A-d} W=${A:-d}", A=""),
    _given("without ARG", "ENV V=$A", A="2"),
    _given("under an ENV", "ENV A=1\nENV V=$A", A="2"),
    _given("over an ENV", "ENV A=1\nARG A\nENV V=$A", A="2"),
    _given("before an ENV", "ARG A\nENV A=1\nENV V=$A", A="2"),
    _given("with what is special", "ARG A\nENV V=$A W=\"$A\" X='$A'", A="$B 'c' \"d\" \\e"),
    _given("to all ARGs of the name", "ARG A=1\nENV V=$A\nARG A=3\nENV W=$A", A="2"),
    _given("before it stands", "ENV V=$A\nARG A\nENV W=$A", A="2"),
    _given("to one of several", "ARG A=1 B=$A\nENV V=$A$B", B="2"),
    _given("to the first of several", "ARG A=1 B=$A\nENV V=$A$B", A="2"),
    _given("to a platform's", "ARG TARGETARCH\nENV V=$TARGETARCH", TARGETARCH="x"),
    _given("as a proxy", "ENV V=$HTTP_PROXY W=${no_proxy-d}", HTTP_PROXY="http://x"),
    _given(
        "as a proxy that is declared", "ARG HTTP_PROXY\nENV V=$HTTP_PROXY", HTTP_PROXY="http://x"
    ),
    _given("in other letters", "ARG a=1\nENV V=$a", A="2"),
    _given("to the heading", "ARG A=1\nFROM scratch\nARG A\nENV V=$A", A="2"),
    _given("to the heading alone", "ARG A=1\nFROM scratch\nENV V=${A-d}", A="2"),
    _given("without the heading", "FROM scratch AS a\nENV V=1\nFROM ${A:-a}\nENV W=1", A="scratch"),
    _given("to what comes of it", "ARG A=1\nARG B=$A\nFROM scratch\nARG B\nENV V=$B", A="2"),
    _given("over both defaults", "ARG A=1\nFROM scratch\nARG A=3\nENV V=$A", A="2"),
    _given("empty, to FROM", "ARG A=scratch\nFROM ${A:-scratch}\nENV V=1", A=""),
    _given("to a parent", "FROM scratch AS a\nARG A=1\nFROM a\nENV V=$A", A="2"),
    _given("over a parent's", "FROM scratch AS a\nARG A=1\nFROM a\nARG A=3\nENV V=$A", A="2"),
    _given("to a child alone", "FROM scratch AS a\nENV V=$A\nFROM a\nARG A\nENV W=$A X=$V", A="2"),
)
RUNS: Final = (
    Case(
        "variable in RUN: arguments",
        seen(
            "ARG A=1 B C= D='a b'",
            "ENV E=2 A=3",
            "ARG E=4",
            'RUN echo "$A|${B-unset}|${C-unset}|$D|$E|\\$A|${D#a}" > /o/x',
            'RUN ["/bin/sh", "-c", "echo $D \'$E\' > /o/y"]',
        ),
    ),
    Case(
        "variable in RUN: of a parent",
        f"FROM {BASE} AS a\nARG A=1\nENV E=2\nARG E=3\nFROM a AS made\nRUN mkdir /o; "
        "echo $A $E > /o/x\nFROM scratch\nCOPY --from=made /o /\n",
    ),
    Case(
        "variable in RUN: given",
        seen(
            "ARG A=1 B=2 C",
            'RUN echo "$A|$B|$C|${D-unset}|$HTTP_PROXY|${https_proxy-unset}" > /o/x',
        ),
        args=(("A", "x y"), ("B", ""), ("C", "$A"), ("D", "1"), ("HTTP_PROXY", "http://x")),
    ),
    Case(
        "variable in RUN: the epoch",
        seen("ARG SOURCE_DATE_EPOCH", "RUN echo $SOURCE_DATE_EPOCH > /o/x"),
        args=(("SOURCE_DATE_EPOCH", "1400000000"),),
    ),
    Case(
        "variable in RUN: the epoch without ARG",
        seen("RUN echo ${SOURCE_DATE_EPOCH-unset} > /o/x"),
        args=(("SOURCE_DATE_EPOCH", "1400000000"),),
    ),
    Case(
        "variable in RUN: the platform's",
        seen("ARG TARGETARCH TARGETSTAGE", "RUN echo $TARGETARCH $TARGETSTAGE $TARGETOS > /o/x"),
    ),
    Case(
        "variable in RUN: in a mount",
        seen(
            "ARG T=/m S=d",
            "RUN --mount=type=bind,target=$T,source=${S} cat /m/f > /o/x",
            "RUN --mount=type=cache,target=${T:-/n},id=$S echo 1 > $T/x; ls /m > /o/y",
        ),
        {"d/f": "1"},
    ),
    Case(
        "variable in RUN: a stage in a mount",
        seen(
            "ARG T=a",
            "RUN --mount=type=bind,from=$T,target=/m cat /m/f",
            head="FROM scratch AS a\nCOPY f /f",
        ),
        _FILES,
    ),
)
VARIABLES: Final = (*SUBSTITUTIONS, *ENVIRONMENT, *ARGUMENTS, *GIVEN, *RUNS)
