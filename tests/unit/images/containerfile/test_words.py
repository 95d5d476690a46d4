"""Quotes, escapes and variables."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.images.containerfile.escapes import with_backslash
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.words import Modes, WordError, expand, quoted

ESCAPED = {"T": "a\\b", "S": "a/b.c/b"}
VARIABLES = {"HOME": "/root", "FOO": "xxyy", "EMPTY": "", "STAR": "a***yy*", "BAR": "x"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("he'll'o", "hello"),
        ("he\\'llo", "he'llo"),
        ("a\\tb", "atb"),
        ('"a\\tb"', "a\\tb"),
        ('"a\\\\tb"', "a\\tb"),
        ("'a\\tb'", "a\\tb"),
        ("a\\", "a"),
        ("a\\\\", "a\\"),
        ("'a\\'", "a\\"),
        ("\"''\"", "''"),
        ("$.", "$."),
        ("a$1x", "ax"),
        ("a$HOME", "a/root"),
        ("a\\$HOME", "a$HOME"),
        ("'$HOME'", "$HOME"),
        ('"$HOME"', "/root"),
        ("\"'$HOME'\"", "'/root'"),
        ("\\${}", "${}"),
        ("${HOME}x", "/rootx"),
        ("$999a", "a"),
        ("$@@", "@"),
        ("${NO:-000}x", "000x"),
        ("${EMPTY:-000}", "000"),
        ("${EMPTY-000}", ""),
        ("${NO-000}", "000"),
        ("${NO:-$HOME}", "/root"),
        ("${NO:-${NOT:-y}}", "y"),
        ("${NO:-\\${HOME}z}", "${HOMEz}"),
        ("${HOME:+a}", "a"),
        ("${EMPTY:+a}", ""),
        ("${EMPTY+a}", "a"),
        ("${NO+a}", ""),
        ("${HOME:?no}", "/root"),
        ("${EMPTY?no}", ""),
        ("${FOO#x}", "xyy"),
        ("${FOO##x*x}", "yy"),
        ("${FOO#*x}", "xyy"),
        ("${FOO##*x}", "yy"),
        ("${FOO#*}", "xxyy"),
        ("${FOO##*}", ""),
        ("${FOO#$BAR}", "xyy"),
        ("${FOO#}", "xxyy"),
        ("${FOO#xxyy}", ""),
        ("${FOO%y}", "xxy"),
        ("${FOO%%y*}", "xx"),
        ("${FOO%y*}", "xxy"),
        ("${STAR%%\\**\\*}", "a"),
        ("${NO%x}", ""),
        ("${FOO/x/z}", "zxyy"),
        ("${FOO//x/z}", "zzyy"),
        ("${FOO/x*y/}", ""),
        ("${HOME/\\//_}", "_root"),
        ("${FOO//$BAR/$HOME}", "/root/rootyy"),
        ("${FOO//*/-}", "-"),
        ("${EMPTY//*/-}", "-"),
        ("${FOO//y*/-}", "xx-"),
        ("${FOO///}", "xxyy"),
    ],
)
def test_a_word(text: str, result: str) -> None:
    assert expand(text, VARIABLES).text == result


@pytest.mark.parametrize(
    "text",
    [
        *("he'll", '"a', "'a", "${", "${}", "${HOME", "${.}", "${{HOME}", "${HOME:x}"),
        *("${HOME:=x}", "${NO?}", "${NO:?why}", "${EMPTY:?}", "${:-x}", "${FOO:#x}"),
        *("${FOO#\\x}", "${FOO//x}", "${a:-" * 60),
    ],
)
def test_what_can_t_be_read(text: str) -> None:
    with pytest.raises(WordError):
        expand(text, VARIABLES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ("a", "b")),
        ("a\\ b", ("a b",)),
        ('a" b "c', ("a b c",)),
        ("$SPACED", ("ab", "c")),
        ('"$SPACED"', ("ab  c",)),
        ("x${SPACED}y", ("xab", "cy")),
    ],
)
def test_words_are_split_after_variables(text: str, words: tuple[str, ...]) -> None:
    assert expand(text, {"SPACED": "ab  c"}).words == words


def test_the_content_of_a_file_keeps_its_quotes() -> None:
    text = "'$FOO' \"${BAR}\" \\$FOO\n"
    assert expand(text, VARIABLES, "\\", Modes(plain=True)).text == "'xxyy' \"x\" $FOO\n"


def test_another_escape_character() -> None:
    assert expand('C:\\a`$HOME`` `"', VARIABLES, "`").text == 'C:\\a$HOME` "'


def test_substitutions_have_their_places() -> None:
    found = expand('a$FOO"${NO:-${BAR}}"', VARIABLES).substitutions
    assert [(s.begin, s.end, s.name, s.operator, s.value, s.quoted) for s in found] == [
        (1, 5, "FOO", "", "xxyy", False),
        (6, 19, "NO", ":-", "x", True),
    ]


def test_names_without_a_value_are_told() -> None:
    assert expand("$NO ${NOT:-1} $FOO", VARIABLES).unset == ("NO", "NOT")


@given(st.text())
def test_a_quoted_value_is_read_as_it_was(value: str) -> None:
    assert expand(quoted(value), {}).text == value
    assert expand(f'"{quoted(value, inside=True)}"', {}).text == value


@given(st.text(alphabet="ab$\\'\"{}:-+?#%/*<` \n"))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(WordError):
        found = expand(text, VARIABLES)
        assert all(text[s.begin] == "$" for s in found.substitutions)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("80 ${NO:-81} $BAR", ("80", "81", "x")),
        ("80${NO:-/udp}", ("/udp",)),
        ("80${NO:+/udp}", ()),
        ("80$NO", ("80",)),
    ],
)
def test_what_a_substitution_has_inside_takes_the_word_before_it(
    text: str, words: tuple[str, ...]
) -> None:
    """As BuildKit 0.26 has it, in EXPOSE alone."""
    assert expand(text, VARIABLES).words == words


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${S#*b}", ".c/b"),
        ("${S/b/`/}", "a/`/.c/b"),
        ("${T#a\\\\}", "b"),
        ("${U:-`}}", "}"),
        ("`$S$T", "$Sa\\b"),
        ("${S#${U:-a}}\\x", "/b.c/b\\x"),
        ("'${S#\\'", "${S#\\"),
        ("${S#", None),
    ],
)
def test_patterns_where_a_backtick_escapes(written: str, value: str | None) -> None:
    file = with_backslash(parse(f"# escape=`\nFROM scratch\nUSER {written}\n"))
    with pytest.raises(WordError) if value is None else contextlib.nullcontext():
        assert expand(file.instructions[-1].body, ESCAPED).text == value
