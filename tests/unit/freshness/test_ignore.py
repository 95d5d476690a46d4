"""`.dockerignore`, as docker, podman and buildah read it."""

from __future__ import annotations

import pytest

from rootless_build.freshness.ignore import Rules


def left_out(text: str, *paths: str) -> list[str]:
    """Which of the paths are left out, walked to as the context is."""
    rules = Rules(text)
    found = []
    for path in paths:
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            match = rules.match("/".join(parts[:count]))
            if match.left_out and (count == len(parts) or not match.look_below):
                found.append(path)
                break
    return found


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("bundles", ["bundles", "bundles/a"], ["src/bundles", "bundles2"]),
        ("/bundles/", ["bundles/a"], ["src/bundles"]),
        ("./a/../bundles", ["bundles"], ["a"]),
        ("*.md", ["a.md"], ["docs/a.md", "a.mdx"]),
        ("*/*.md", ["docs/a.md"], ["a.md", "a/b/c.md"]),
        ("**/*.md", ["a.md", "docs/a.md", "a/b/c.md"], ["a.txt"]),
        ("**/node", ["node", "a/node", "a/b/node/c"], ["a/nodes"]),
        ("a/**", ["a/b", "a/b/c"], ["b", "a"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["a/y"]),
        ("**", ["a", "a/b"], []),
        ("?.go", ["a.go", "ä.go"], ["ab.go", ".go"]),
        ("[ab].go", ["a.go"], ["c.go"]),
        (r"a\*b", ["a*b"], ["axb"]),
        ("a.b", ["a.b"], ["axb"]),
        ("with space ", ["with space"], ["with"]),
        (" # no comment", ["# no comment"], []),
    ],
)
def test_a_pattern(pattern: str, yes: list[str], no: list[str]) -> None:
    assert left_out(pattern, *yes, *no) == yes


@pytest.mark.parametrize("text", ["", "\n\n", "# bundles", "#bundles\r\n", ".", "/", "!bundles"])
def test_nothing_is_left_out(text: str) -> None:
    assert left_out(text, "bundles", "a/b") == []


@pytest.mark.parametrize(
    ("lines", "path", "ignored"),
    [
        ("docs\n!docs/keep", "docs/keep", False),
        ("docs\n!docs/keep", "docs/other", True),
        ("!docs/keep\ndocs", "docs/keep", True),
        ("docs/*\n!docs/keep\ndocs/keep/not", "docs/keep/not", True),
        ("*\n!src", "src/a/b", False),
        ("*\n!src", "other/a", True),
        ("*\n!src\nsrc/secret", "src/secret", True),
        ("a\n! a/b", "a/b", False),
    ],
)
def test_exceptions_in_order(lines: str, path: str, ignored: bool) -> None:
    assert left_out(lines, path) == ([path] if ignored else [])


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        # The last pattern is not asked about `lib`, which is left out already.
        ("*\n!lib/c++\nlib\n", "lib/c++"),
        ("d\n!d/x+\nd\n", "d/x+/y"),
        ("d\n!**d/a*\nd\n", "d/a/b"),
        # Nobody knows whether that is an exception of `c`.
        ("c\n!c/a|[b]\n/c\n", "c/a|b"),
    ],
)
def test_what_docker_copies_through_an_exception_with_odd_characters(lines: str, path: str) -> None:
    assert left_out(lines, path) == []


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        # docker looks below `a` for the exception, podman and buildah do not.
        ("a\n!**/keep", "a/b/keep"),
        # Only docker knows that the exception begins at the top.
        ("a\n!/a", "a/b"),
        # containers/storage of 2022 takes these characters for a regular expression's.
        ("a+b", "a+b"),
        ("(x)", "x"),
        # docker takes the mark away, the others don't.
        ("\ufeffbundles", "bundles"),
    ],
)
def test_where_engines_differ_a_file_counts(lines: str, path: str) -> None:
    assert left_out(lines, path) == []


@pytest.mark.parametrize(
    ("pattern", "builder", "path"),
    [
        # docker takes the mark at the beginning of a file away, podman and buildah do not.
        ("\ufeffbundles", "docker", "bundles"),
        ("\ufeffbundles", "podman", "\ufeffbundles"),
        # podman and buildah compare a pattern with one parent only, of as many parts as it has.
        ("**/c", "docker", "a/b/c/d"),
    ],
)
@pytest.mark.parametrize("exception", ["", "\n!unrelated"])
def test_what_one_engine_alone_leaves_out_counts(
    pattern: str, builder: str, path: str, exception: str
) -> None:
    """Another one copies it, so a change of it is a change of the context."""
    assert not Rules(f"{pattern}{exception}").match(path).left_out, builder


def test_a_large_ignored_directory_is_not_looked_into() -> None:
    match = Rules("node_modules\n!src/node_modules/keep").match("node_modules")
    assert match.left_out
    assert not match.look_below


def test_below_what_is_left_out_for_good_nothing_is_looked_for() -> None:
    assert Rules("b\n!?\nb").match("b") == (True, False)
    assert Rules("b\n!b/c\nb/d").match("b") == (True, True)
    assert Rules("a/b/c\n!a/**/x").match("a/b/c") == (True, True)
    assert Rules("a/b/c\n!a/?/x").match("a/b/c") == (True, False)
    assert Rules("a/b/c\n!a/?/d").match("a/b/c") == (True, False)


@pytest.mark.parametrize("exception", ["[a]/b", "?/b", "*/b", "**/b", "a/b", "/a/b"])
def test_what_an_exception_gives_back_is_looked_for(exception: str) -> None:
    assert Rules(f"a\n!{exception}").match("a").look_below
    assert left_out(f"a\n!{exception}", "a/b") == []
