"""Ignore files: which of a context's files there are for COPY."""

from __future__ import annotations

from typing import Final

from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, Directory, seen

_ALL: Final = "FROM scratch\nCOPY . /\n"
_NAMES: Final = (
    *(
        "a",
        "ab",
        "b",
        "abc.md",
        "README.md",
        "go.mod",
        "a b",
        " lead",
        "#c",
        "!n",
        ".hidden",
        "x.log",
    ),
    *("d/a", "d/keep", "d/x.log", "d/e/a", "d/e/keep", "d/e/f.go", "d/e/x.md", "d/b/keep"),
    *("cmd/main.go", "cmd/main.md", "cmd/sub/t.go", "cmd/sub/t.c", "vendor/v.go", "vendor/x/y/z"),
    *("b/zzz", "b2/b/zzz", "b2/b/c", "[z]", "a*b", "back\\slash", "\u00e9", "d/\u00e9", "A", "a/b"),
)
_FILES: Final[Context] = {
    **{name: name for name in _NAMES if name not in {"b", "a"}},
    "b/c": "1",
    "a/c/d": "2",
    "empty": Directory(),
    "d/empty": Directory(0o700),
    "l": "->d/keep",
    "to-d": "->d",
}


def _ignores(kind: str, **texts: str | bytes) -> tuple[Case, ...]:
    return tuple(
        Case(f"{kind}: {name.replace('_', ' ')}", _ALL, _FILES, ignore=text)
        for name, text in texts.items()
    )


EXCEPTIONS: Final = _ignores(
    "exception",
    everything_but_go_files="**\n!**/*.go\n!go.mod\n",
    one_in_every_directory="*\n!*/keep\n",
    one_two_directories_down="*\n!d/*/keep\n",
    one_in_a_class_of_directories="*\n!d/[b]/keep\n",
    at_any_depth_of_an_excluded_directory="/d\n!d/**/keep\n",
    a_blank_after_the_mark="*\n! d/a\n",
    below_an_excluded_name="**/b\n!b/zzz\n",
    a_directory="*\n!d\n",
    a_directory_and_a_slash="*\n!d/\n",
    a_directory_without_one_of_its_files="*\n!d\nd/a\n",
    a_directory_s_content="*\n!d/*\n",
    a_directory_s_content_at_any_depth="*\n!d/**\n",
    an_empty_directory="*\n!empty\n",
    the_last_line_decides="!a\na/b\n!a/b\na/b\n",
    the_first_line="!README.md\n*.md\n",
    the_last_line="*.md\n!README.md\n",
    of_an_exception="*.md\n!README*.md\nREADME.md\n",
    a_slash_first="*\n!/d/a\n",
    a_slash_before_the_mark="*\n/!d/a\n",
    dots="*\n!./d/../d/a\n",
    a_link="*\n!l\n!to-d\n",
    a_link_s_content="*\n!to-d/keep\n",
    nothing="*\n!\n",
    two_marks="*\n!!d/a\n",
    a_question_mark_for_a_directory="d\n!?/a\n",
    a_star_in_the_middle="**\n!c*d/**/t.*\n",
    of_a_directory_that_is_not_there="*\n!nothing/keep\n",
    everything="*\n!**\n",
)
PATTERNS: Final = _ignores(
    "pattern",
    a_name="ab\n",
    a_path="d/e\n",
    a_directory_and_a_slash="d/\n",
    a_file_and_a_slash="ab/\n",
    a_slash_first="/d/a\n",
    a_slash_alone="/\n",
    a_dot=".\n",
    dots="./d/../d/./a\n",
    above_the_context="../d\nd/../../d/a\n",
    slashes="d//a\n",
    a_star="*\n",
    a_star_and_dots="*.log\n",
    a_star_is_one_name="*/a\n",
    a_directory_s_content="d/*\n",
    two_stars="**\n",
    two_stars_and_a_name="**/keep\n",
    a_name_and_two_stars="d/**\n",
    two_stars_in_the_middle="d/**/a\n",
    two_stars_in_a_word="**.md\n",
    two_stars_in_a_word_below="d/**.md\n",
    two_stars_and_no_slash="**log\n",
    stars_between_stars="**/e/**/*.md\n",
    two_stars_and_a_slash="**/\n",
    three_stars="***\n!ab\n",
    a_question_mark="?b\n",
    a_class="[ab]*\n",
    a_range="[a-c]*.md\n",
    a_negated_class="[^a-z]*\n",
    a_class_with_an_exclamation_mark="[!a]*\n",
    a_class_that_does_not_end="ab\n[a\n",
    a_bracket_after_a_backslash="\\[z]\n",
    a_star_after_a_backslash="a\\*b\n",
    a_backslash="back\\\\slash\n",
    a_backslash_at_the_end="ab\\\n",
    a_backslash_at_the_end_of_an_exception="*\n!ab\\\n",
    a_backslash_alone="\\\n",
    a_backslash_at_the_end_of_a_directory="d\\/\n",
    a_backslash_before_a_slash="d\\/a\n",
    a_backslash_for_a_directory="\\/a\n",
    a_backslash_after_a_star="*\\\n",
    a_backslash_after_two_stars="**/\\\n",
    two_backslashes_at_the_end="back\\\\\n",
    three_backslashes_at_the_end="back\\\\\\\n",
    a_backslash_and_dots="d/\\/..\n",
    a_backslash_and_stars="\\/**\n",
    other_scripts="**/\u00e9\n",
    capitals="A\nreadme.md\n",
    a_hidden_file=".*\n",
    a_dot_is_a_dot="abc?md\n",
    braces="{ab,go.mod}\n",
    braces_and_a_star="{ab,go*}\n*b\n",
    a_bracket_first_in_a_class="[]a]*\n",
    a_hat_in_a_class="[a^]*\n",
    a_letter_after_a_backslash="\\a*\n*\\n\nab\n",
    a_link="to-d\n",
    below_a_link="to-d/keep\n",
    an_empty_directory="d/empty\n",
    itself=".dockerignore\n",
    the_containerfile="Dockerfile\n",
    both="Dockerfile\n.dockerignore\n",
    everything_and_both="*\n!Dockerfile\n",
)
LINES: Final = _ignores(
    "line",
    nothing="",
    a_mark_of_the_order_of_bytes=b"\xef\xbb\xbfab\nd/a\n",
    a_mark_of_the_order_of_bytes_and_a_comment=b"\xef\xbb\xbf#c\nab\n",
    lines_of_Windows="ab\r\nd/a\r\n!d/a\r\n",
    lines_of_old_Macs="ab\rd/a\r",
    no_newline_at_the_end="d\n!d/a",
    blanks_around="  ab  \n\td/a\t\n",
    a_blank_in_a_name="a b\n",
    a_blank_first_in_a_name="\\ lead\n",
    comments="#c\n# d\nab # no comment\n",
    a_comment_after_blanks="  #c\n",
    a_comment_that_is_escaped="\\#c\n",
    a_mark_that_is_escaped="\\!n\n",
    empty_lines="\n\nab\n\n   \n",
    a_nought=b"ab\x00\nd/a\n",
    bytes_that_are_no_text=b"\xff\nab\n",
    a_form_feed="ab\x0c\n\x0bd/a\n",
    a_blank_of_Unicode="ab\u00a0\nd/a\u2003\n",
)
_PAIR: Final[Context] = {"f": "1", "g": "2", "d/f": "3", "d/g": "4"}
FILES: Final = (
    Case(
        "ignore file: of the containerfile",
        "FROM scratch\nCOPY . /\n",
        {**_PAIR, "other.Dockerfile.dockerignore": "g\n"},
        ignore="f\n",
        file="other.Dockerfile",
    ),
    Case(
        "ignore file: of the containerfile in a directory",
        "FROM scratch\nCOPY . /\n",
        {**_PAIR, "d/my.Dockerfile.dockerignore": "g\n"},
        ignore="f\n",
        file="d/my.Dockerfile",
    ),
    Case(
        "ignore file: of a Dockerfile",
        _ALL,
        {**_PAIR, "Dockerfile.dockerignore": "**/g\n"},
        ignore="f\n",
    ),
    Case(
        "ignore file: of the containerfile, and empty",
        _ALL,
        {**_PAIR, "Dockerfile.dockerignore": ""},
        ignore="f\n",
    ),
    Case(
        "ignore file: a .containerignore beside",
        _ALL,
        {**_PAIR, ".containerignore": "g\n"},
        ignore="f\n",
    ),
    Case("ignore file: a .containerignore alone", _ALL, {**_PAIR, ".containerignore": "g\n"}),
    Case("ignore file: in a directory below", _ALL, {**_PAIR, "d/.dockerignore": "f\n"}),
    Case("ignore file: a link", _ALL, {**_PAIR, "rules": "g\n", ".dockerignore": "->rules"}),
    Case("ignore file: a directory", _ALL, {**_PAIR, ".dockerignore": Directory()}),
    Case("ignore file: none", _ALL, _PAIR),
    Case(
        "ignore file: of a named context",
        "FROM scratch\nCOPY --from=more . /\n",
        _PAIR,
        ignore="d\n",
        more={"more": {**_PAIR, ".dockerignore": "g\n*/f\n"}},
    ),
    Case(
        "ignore file: of two named contexts",
        "FROM scratch\nCOPY --from=one . /1/\nCOPY --from=two . /2/\nCOPY . /3/\n",
        _PAIR,
        ignore="d\n",
        more={"one": {**_PAIR, ".dockerignore": "g\n"}, "two": {**_PAIR, "Dockerfile": "x"}},
    ),
    *(
        Case(
            f"ignore file: of a named context, {name}",
            f"FROM scratch\n{lines}\n",
            {"f": "0"},
            more={"more": {**_PAIR, "back\\n": "5", "l": "->d/f"}},
        )
        for name, lines in (
            ("a wildcard that finds nothing", "COPY --from=more d/x* /x/\nCOPY --from=more . /y/"),
            ("a wildcard that finds nothing, of two", "COPY --from=more d/x* d/f /x/"),
            ("a wildcard of a directory", "COPY --from=more */f /x/\nCOPY --from=more d /y/"),
            ("a link", "COPY --from=more l /x/"),
            ("a backslash", 'COPY f /\nCOPY --from=more ["back\\\\\\\\n", "/x/"]'),
            ("a backslash and all", 'COPY --from=more ["back\\\\\\\\n", ".", "/x/"]'),
        )
    ),
    Case(
        "ignore file: of a named context in the place of an image",
        f"FROM {BASE} AS made\nFROM base\nCOPY f /x\n",
        _PAIR,
        more={"base": {**_PAIR, ".dockerignore": "f\n"}},
    ),
)
INSTRUCTIONS: Final = tuple(
    Case(f"ignored: {name}", f"FROM scratch\nCOPY f /\n{line}\n", _PAIR, ignore=ignore)
    for name, line, ignore in (
        ("a file that is named", "COPY g /x", "g\n"),
        ("a file that is named, of two", "COPY d/f g /x/", "g\n"),
        ("a directory that is named", "COPY d /x/", "d\n"),
        ("a directory whose files are", "COPY d /x/", "d/*\n"),
        ("a directory with one exception", "COPY d /x/", "d\n!d/g\n"),
        ("below a directory that is", "COPY d/f /x", "d\n"),
        ("a glob that is nothing then", "COPY g* /x/", "g\n"),
        ("a glob with others", "COPY d/* /x/", "d/g\n"),
        ("the context that is empty then", "COPY . /x/", "*\n!f\n"),
        ("the containerfile that is named", "COPY Dockerfile /x", "Dockerfile\n"),
        ("the ignore file that is named", "COPY .dockerignore /x", ".dockerignore\n"),
        ("--exclude beside", "COPY --exclude=f . /x/", "d/g\n"),
        ("--parents", "COPY --parents d/* /x/", "d/g\n"),
        ("ADD", "ADD . /x/", "d\n"),
        ("the rules of another place", "COPY d /x/", "g\n"),
    )
)
MOUNTS: Final = (
    Case(
        "ignored: in a mount",
        seen("RUN --mount=target=/c cd /c; find . | sort > /o/f"),
        _PAIR,
        ignore="d/*\n!d/g\n",
    ),
)
IGNORE: Final = (*EXCEPTIONS, *PATTERNS, *LINES, *FILES, *INSTRUCTIONS, *MOUNTS)
