"""ADD of git repositories: which are, and what is asked of them; nothing is fetched here."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.gitref import GitRef, GitRefError, parse
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last, same

URL = "https://example.com/a/x.git"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (URL, GitRef(URL)),
        (f"{URL}#v1", GitRef(URL, "v1")),
        (f"{URL}#v1:sub/d", GitRef(URL, "v1", "sub/d")),
        (f"{URL}#:sub", GitRef(URL, "", "sub")),
        (f"{URL}?ref=v1&keep-git-dir=1", GitRef(URL, "v1", keep_git_dir=True)),
        (f"{URL}?keep-git-dir", GitRef(URL, keep_git_dir=True)),
        (f"{URL}?tag=v1&subdir=/d/", GitRef(URL, "refs/tags/v1", "d")),
        (f"{URL}?branch=main", GitRef(URL, "refs/heads/main")),
        (f"{URL}?commit=abc&submodules=false", GitRef(URL, checksum="abc", submodules=False)),
        ("git@example.com:a/x.git#v1", GitRef("git@example.com:a/x.git", "v1")),
        ("git@example.com:a/x", GitRef("git@example.com:a/x")),
        ("ssh://git@example.com/x", GitRef("ssh://git@example.com/x")),
        ("git://example.com/x#y", GitRef("git://example.com/x", "y")),
        ("https://example.com/x.git/file", None),
        ("https://example.com/x.tar.gz", None),
        ("https://example.com/x?a=.git", None),
        ("x.git", None),
        ("./x.git", None),
        ("github.com/a/x", None),
    ],
)
def test_which_they_are(text: str, reference: GitRef | None) -> None:
    assert parse(text) == reference


@pytest.mark.parametrize(
    "query",
    ["?rev=1", "?ref=", "?ref=a#b", "?tag=a&branch=b", "?ref=a&ref=b", "?keep-git-dir=maybe"],
)
def test_what_contradicts_itself(query: str) -> None:
    with pytest.raises(GitRefError):
        parse(URL + query)


@pytest.mark.parametrize(
    "words", ["https://[::1/x.git", "--checksum=sha256:00 https://[::1/x", "git://[::1/x"]
)
def test_what_is_no_address_is_said(tmp_path: Path, words: str) -> None:
    with pytest.raises(ContainerfileError, match="is no address"):
        last(tmp_path, f"ADD {words} /")


def test_what_will_be_done_is_told_without_doing_it(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, f"FROM base\nARG V=v1\nADD {URL}?ref=$V .\n", explain=True)
    assert made.lines[-1] == "COPY --from=rbuild-files 1/checkout/ ."
    assert made.rules == {"git"}
    assert list(made.files.iterdir()) == []


def test_flag_and_query_must_agree(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="contradict each other"):
        last(tmp_path, f"ADD --keep-git-dir=false {URL}?keep-git-dir=1 /")


def test_the_flag_alone_means_nothing_to_other_sources(tmp_path: Path) -> None:
    assert last(tmp_path, "ADD --keep-git-dir=true a /") == ["ADD a /"]
    assert same(tmp_path, "COPY x.git /")


def test_where_no_files_can_be_given(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="can't be given to the build"):
        last(tmp_path, f"ADD {URL} /", "docker-classic 20.10.24")
