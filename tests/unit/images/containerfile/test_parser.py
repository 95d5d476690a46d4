"""The parser, against the cases that BuildKit publishes for its own, in files of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.parser import heredoc_of, logical_words, parse
from rootless_build.images.containerfile.syntax import Heredoc, Instruction, Position
from rootless_build.images.containerfile.words import WordError, raw_words
from rootless_build.model.errors import ContainerfileError


def only(text: str) -> Instruction:
    (instruction,) = parse(text).instructions
    return instruction


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("RUN a\\\n  b\\\nc", "RUN a  bc"),
        ("RUN a \\\nb", "RUN a b"),
        ("RUN a \\  \n b", "RUN a  b"),
        ("RUN a \\\n \\\n b \\\n\\\n c", "RUN a   b  c"),
        ("RUN a \\\n# said in between\n\n# and again\nb", "RUN a b"),
        ("RUN a \\\n   # indented\n b", "RUN a  b"),
        ("RUN a \\\n\n b", "RUN a  b"),
        ("RUN a \\", "RUN a"),
        ("\t RUN a  ", "RUN a"),
        ("RUN a\\\\\nRUN b", "RUN a\\\\"),
        ("RUN a\r\nRUN b\r\n", "RUN a"),
        ("\ufeffRUN a", "RUN a"),
        ("\\\nRUN a", "RUN a"),
        ("RUN\ta", "RUN\ta"),
        ("RUN echo a # b", "RUN echo a # b"),
    ],
)
def test_lines_are_joined(text: str, joined: str) -> None:
    assert parse(text).instructions[0].text == joined


def test_comments_and_blank_lines_are_no_instructions() -> None:
    file = parse("# one\n\n  # two\nFROM a\n\n#\nRUN b\n")
    assert [i.text for i in file.instructions] == ["FROM a", "RUN b"]


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("# escape=`\nRUN a `\n b", "`"),
        ("#escape = `\n# more\nRUN a `\n b", "`"),
        ("# EsCape=`\nRUN a `\n b", "`"),
        ("# syntax = docker/dockerfile\n# escape = `\nRUN a`\n  b", "`"),
        ("# a comment\n# escape=`\nRUN a \\\n b", "\\"),
        ("\n# escape=`\nRUN a \\\n b", "\\"),
        ("# other=1\n# escape=`\nRUN a \\\n b", "\\"),
    ],
)
def test_the_escape_directive(text: str, escape: str) -> None:
    file = parse(text)
    assert file.escape == escape
    assert file.instructions[0].text.split() == ["RUN", "a", "b"]


def test_directives_have_their_lines() -> None:
    file = parse("# syntax=docker/dockerfile:1.7\n# check=skip=all\nFROM a\n# escape=`\n")
    assert file.directives == (("syntax", "docker/dockerfile:1.7", 1), ("check", "skip=all", 2))
    assert file.directive("escape") is None


def test_lines_and_columns_are_those_of_the_file() -> None:
    file = parse(
        "# x\n\n  FROM a\nRUN --mount=type=cache,target=/c \\\n    # said\n    --network=no b\n"
    )
    first, second = file.instructions
    assert (first.line, first.end_line, first.position()) == (3, 3, Position(3, 3))
    assert (second.line, second.end_line) == (4, 6)
    assert [second.position(flag.offset) for flag in second.flags] == [
        Position(4, 5),
        Position(6, 5),
    ]
    assert second.position(second.body_offset) == Position(6, 18)
    assert second.source.count("\n") == 3


# --- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "flags", "body"),
    [
        ("COPY a b", [], "a b"),
        ("COPY --chown=me a b", ["--chown=me"], "a b"),
        ("COPY --chown=me --link a b", ["--chown=me", "--link"], "a b"),
        ("COPY --link -- a b", ["--link"], "a b"),
        ("COPY -- --a b", [], "--a b"),
        ("COPY --link", ["--link"], ""),
        ('RUN --mount="type=bind,target=/a b" c', ["--mount=type=bind,target=/a b"], "c"),
        ("RUN --mount=target=/a\\ b c", ["--mount=target=/a b"], "c"),
        ("RUN -e --x", [], "-e --x"),
        ("CMD --x [ ]", ["--x"], "[ ]"),
    ],
)
def test_flags_end_where_the_arguments_begin(text: str, flags: list[str], body: str) -> None:
    found = only(text)
    assert ([str(flag) for flag in found.flags], found.body) == (flags, body)


@pytest.mark.parametrize(
    ("text", "strings"),
    [
        ("CMD []", ()),
        ('CMD ["a", "b c"]', ("a", "b c")),
        ('CMD\t[\t"a"\t]\t', ("a",)),
        (r'CMD ["\" \\ \/ \n \u0041 ♥"]', ('" \\ / \n A ♥',)),
        ('COPY ["a b", "/"]', ("a b", "/")),
        ('HEALTHCHECK CMD ["a"]', ("a",)),
        ("CMD ['a']", None),
        ('CMD ["a"', None),
        ('CMD ["a"] b', None),
        ("RUN [ -f /a ]", None),
        ("RUN [" * 2000, None),
        ('ENV ["a", "b"]', None),
    ],
)
def test_json_arrays(text: str, strings: tuple[str, ...] | None) -> None:
    assert only(text).json == strings


def test_json_that_is_not_strings_is_refused() -> None:
    with pytest.raises(ContainerfileError, match="strings only"):
        parse('FROM a\nCMD ["a", [1]]')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", ("a", "b")),
        (r"a\ b c", (r"a\ b", "c")),
        ("a 'b c'", ("a", "'b c'")),
        ('a="b \\" c" d', ('a="b \\" c"', "d")),
        ("a='b\\' c", ("a='b\\'", "c")),
        ("à='ö ü'", ("à='ö ü'",)),
        ('a=""', ('a=""',)),
        ("a\\", ("a\\",)),
    ],
)
def test_words_of_pairs_keep_their_quotes(text: str, words: tuple[str, ...]) -> None:
    assert raw_words(text) == words


def test_words_of_copy_have_no_quotes() -> None:
    assert logical_words('"a b" \t c') == ('"a', 'b"', "c")


def test_the_instruction_of_onbuild() -> None:
    found = only("ONBUILD COPY --chown=1 a b")
    assert found.inner is not None
    assert found.inner.keyword == "COPY"
    assert found.inner.body == "a b"
    assert found.inner.position(found.inner.flags[0].offset) == Position(1, 14)


# --- heredocs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "heredoc"),
    [
        ("RUN <<E\nE", Heredoc("E", line=2)),
        ("RUN 3<<E\nE", Heredoc("E", descriptor=3, line=2)),
        ("RUN <<E\n\ta\n b\nE\n", Heredoc("E", "\ta\n b\n", line=2)),
        ("RUN <<-E\n\ta\n\tE", Heredoc("E", "\ta\n", strip_tabs=True, line=2)),
        ("RUN <<'E'\n$a\nE", Heredoc("E", "$a\n", expand=False, line=2)),
        ('RUN <<"E"\n$a\nE', Heredoc("E", "$a\n", expand=False, line=2)),
        ("RUN <<e'f'\nef", Heredoc("ef", expand=False, line=2)),
        ("RUN <<e\\'f\ne'f", Heredoc("e'f", line=2)),
        ("RUN <<'one two'\none two", Heredoc("one two", expand=False, line=2)),
        ("RUN <<$E\n$E", Heredoc("$E", line=2)),
        ("RUN <<  E\nE", Heredoc("E", line=2)),
        ("RUN << E > f\nE", Heredoc("E", line=2)),
        ("RUN <<E python3\n# no comment\nE", Heredoc("E", "# no comment\n", line=2)),
        ("RUN --mount=type=cache,target=/c <<E\na\nE", Heredoc("E", "a\n", line=2)),
        ("RUN a \\\n <<E\n\\\nE", Heredoc("E", "\\\n", line=3)),
        ("RUN <<E\r\na\r\nE\r\n", Heredoc("E", "a\r\n", line=2)),
        ("COPY <<f.txt /d\n\"'\nf.txt", Heredoc("f.txt", "\"'\n", line=2)),
        ("ADD --chown=1 <<E /d\nE", Heredoc("E", line=2)),
        ("ONBUILD RUN <<E\na\nE", Heredoc("E", "a\n", line=2)),
    ],
)
def test_heredocs(text: str, heredoc: Heredoc) -> None:
    assert only(text).heredocs == (heredoc,)


def test_several_heredocs_follow_each_other() -> None:
    file = parse("COPY <<X <<Y /d\nY\nX\nX\nY\nRUN b\n")
    assert [(h.name, h.content) for h in file.instructions[0].heredocs] == [
        ("X", "Y\n"),
        ("Y", "X\n"),
    ]
    assert [i.end_line for i in file.instructions] == [5, 6]


@pytest.mark.parametrize(
    "text",
    ['RUN ["<<E"]', 'RUN "<<E"', "RUN '<<E'", "USER <<E", "RUN a <<<E", "RUN a << <b", "RUN a <b"],
)
def test_what_is_no_heredoc(text: str) -> None:
    assert only(text).heredocs == ()


@pytest.mark.parametrize(
    ("word", "name"),
    [("<<E", "E"), ("<<-'E'", "E"), ('<<E"F"', "EF"), ("<<", None), ("E", None), ("<<E sh", None)],
)
def test_heredoc_words(word: str, name: str | None) -> None:
    found = heredoc_of(word)
    assert (found and found.name) == name


def test_a_heredoc_word_with_an_open_quote() -> None:
    with pytest.raises(WordError):
        heredoc_of("<<'E")


def test_tabs_are_taken_away() -> None:
    assert Heredoc("E", "\t\ta\n\t b\n", strip_tabs=True).text == "a\n b\n"
    assert Heredoc("E", "\ta\n").text == "\ta\n"


# --- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "no instruction"),
        ("# only\n", "1:1", "no instruction"),
        ("FROM a\nRUN <<E\nx\n", "2:5", "the heredoc E never ends"),
        ("# escape=x\nFROM a", "1:1", "escape character"),
        ("# syntax=docker/dockerfile\n# syntax=b\n", "2:1", "only one syntax"),
    ],
)
def test_what_is_no_containerfile(text: str, place: str, message: str) -> None:
    with pytest.raises(ContainerfileError, match=message) as wrong:
        parse(text, "Dockerfile.x")
    assert wrong.value.message.startswith(f"Dockerfile.x:{place}: ")


@pytest.mark.parametrize(
    ("line", "place", "message", "hint"),
    [
        ("FORM a", "2:1", "no instruction FORM", "did you mean FROM?"),
        ("copi a b", "2:1", "no instruction copi", "did you mean COPY?"),
        ("\x1f", "2:1", "no instruction \\x1f", "known are"),
        ("HEALTHCHECK \x1f", "2:13", "HEALTHCHECK has no \x1f", "known are"),
        ("COPY --chwon=1 a b", "2:6", "COPY has no flag --chwon", "did you mean --chown?"),
        ("RUN a \\\n  && b\nRUN --mout=x a", "4:5", "no flag --mout", "did you mean --mount?"),
        ("MAINTAINER --boo me", "2:12", "MAINTAINER has no flag --boo", "has no flags"),
        ("COPY --from=a --from=b x y", "2:15", "--from stands there twice", ""),
        ("COPY --link=no a b", "2:6", "--link is true or false", ""),
        ("COPY --chown a b", "2:6", "--chown needs a value", ""),
        ("RUN --network=hst a", "2:5", "--network can't be hst", "did you mean host?"),
        ("RUN --mount=type=cahe,target=/c a", "2:5", "no mount type cahe", "did you mean cache?"),
        ("RUN --mount=type=bind,taget=/c a", "2:5", "no option taget", "did you mean target?"),
        ("RUN --mount=type=cache,sharing=lock a", "2:5", "shared as lock", "did you mean locked?"),
        ("RUN --mount=type=bind,target a", "2:5", "target needs a value", ""),
        ("RUN --mount=ro=maybe a", "2:5", "ro is true or false", ""),
        ("RUN --mount=size=1m a", "2:5", "a bind mount has no size", ""),
        ("WORKDIR", "2:1", "WORKDIR needs an argument", ""),
        ("VOLUME", "2:1", "VOLUME needs at least one argument", ""),
        ("COPY a", "2:6", "COPY needs a source and a destination", ""),
        ("COPY a <<E\nE", "2:8", "can't be the destination", ""),
        ("ENV A", "2:5", "ENV needs a name and a value", ""),
        ("ENV A=1 B", "2:9", "B is not NAME=VALUE", ""),
        ("ENV A=${B", "2:5", "missing", ""),
        ("ARG =1", "2:5", "an ARG has no name", ""),
        ("SHELL bash -c", "2:7", "JSON array", ""),
        ("HEALTHCHECK CDM a", "2:13", "HEALTHCHECK has no CDM", "did you mean CMD?"),
        ("FROM a b", "2:6", "FROM takes an image", ""),
        ("FROM a AS 1b", "2:11", "1b can't be the name of a stage", ""),
        ("ONBUILD FROM a", "2:9", "FROM can't be the trigger", ""),
    ],
)
def test_mistakes_have_a_place_and_a_cure(line: str, place: str, message: str, hint: str) -> None:
    file = parse(f"FROM a\n{line}\n")
    with pytest.raises(ContainerfileError) as wrong:
        grammar.check(file)
    assert wrong.value.message.startswith(f"Dockerfile:{place}: ")
    assert message in wrong.value.message
    assert hint in wrong.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN a\nFROM b", "RUN stands before the first FROM"),
        ("ARG A=1\n", "there is no FROM"),
        ("# syntax=example.com/other:1\nFROM a", "another language"),
    ],
)
def test_mistakes_of_the_file_as_a_whole(text: str, message: str) -> None:
    with pytest.raises(ContainerfileError, match=message):
        grammar.check(parse(text))


@pytest.mark.parametrize(
    "frontend",
    ["docker/dockerfile:1.7-labs", "docker/dockerfile-upstream:master", "x.y/m/dockerfile"],
)
def test_frontends_of_the_same_language(frontend: str) -> None:
    grammar.check(parse(f"# syntax={frontend}\nFROM a\n"))


# --- anything at all ----------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        *("FROM a AS b", "FROM --platform=$X a", "RUN <<E", "E", "COPY <<'F' <<G /d", "F", "G"),
        *("# escape=`", "RUN --mount=type=cache,target=a", "ARG A=${B#c}", "ENV A='b", "\\"),
        *('CMD ["a"]', "ONBUILD RUN a", "ADD a b", "  # c", "RUN a \\", "", "\t", "``"),
    ]
)
TEXTS = st.one_of(
    st.text(),
    st.lists(st.one_of(LINES, st.text(max_size=8)), max_size=12).map("\n".join),
)


@given(TEXTS)
def test_whatever_is_read_the_answer_is_a_file_or_an_error(text: str) -> None:
    try:
        file = parse(text)
        grammar.check(file)
    except ContainerfileError:
        return
    lines = text.removeprefix("\ufeff").split("\n")
    for instruction in file.instructions:
        first = lines[instruction.line - 1 : instruction.end_line]
        assert instruction.source.rstrip("\n") == "\n".join(first).rstrip("\n")
