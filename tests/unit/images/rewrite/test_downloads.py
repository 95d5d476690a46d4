"""Git repositories as ADD gets them, from a daemon on this host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rootless_build.images.containerfile.gitref import GitRef
from rootless_build.images.rewrite import downloads
from tests.git_served import git, served


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A repository with a tag v1 that has a message, v2 that has none, and a submodule."""
    directory = tmp_path_factory.mktemp("served")
    with served(directory) as daemon:
        for name in ("part.git", "x.git"):
            git(directory, "init", "--initial-branch=main", name)
        part, work = directory / "part.git", directory / "x.git"
        (part / "p").write_text("p")
        git(part, "add", ".")
        git(part, "commit", "-m", "part")
        for tag, message in (("v1", ("-m", "the first")), ("v2", ())):
            (work / "f").write_text(tag)
            git(work, "add", ".")
            git(work, "commit", "-m", tag)
            git(work, "tag", *message, tag)
        git(work, "submodule", "add", f"{daemon}/part.git", "part")
        git(work, "commit", "-m", "a submodule")
        yield f"{daemon}/x.git"


@pytest.fixture
def account_with_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account whose log would name it."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "The User")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "user@host.invalid")


def checkout(url: str, ref: str, target: Path, data: Path | None) -> Path:
    downloads.checkout(GitRef(url, ref), target, keep_git_dir=True, checksum="", data=data)
    return target


def content(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.mark.usefixtures("account_with_a_name")
@pytest.mark.parametrize("ref", ["v1", "main"])
def test_a_kept_git_directory_is_the_same_each_time(tmp_path: Path, url: str, ref: str) -> None:
    first = content(checkout(url, ref, tmp_path / "a", tmp_path / "data"))
    assert content(checkout(url, ref, tmp_path / "b", tmp_path / "data")) == first
    assert content(checkout(url, ref, tmp_path / "c", tmp_path / "other data")) == first
    assert ".git/HEAD" in first


@pytest.mark.usefixtures("account_with_a_name")
def test_a_kept_git_directory_tells_nothing_of_this_host(tmp_path: Path, url: str) -> None:
    made = checkout(url, "main", tmp_path / "a", tmp_path / "data")
    assert (made / "part" / "p").read_text() == "p"
    for path in (made / ".git").rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
            assert b"The User" not in path.read_bytes(), path


def test_a_kept_git_directory_is_clean_for_git(tmp_path: Path, url: str) -> None:
    made = checkout(url, "main", tmp_path / "a", tmp_path / "data")
    assert git(made, "status", "--porcelain") == ""
    assert git(made, "describe", "--always", "--dirty") == git(made, "rev-parse", "--short", "HEAD")


@pytest.mark.parametrize("kept", [True, False], ids=["fetched before", "fetched once"])
def test_tags_are_what_they_were(tmp_path: Path, url: str, kept: bool) -> None:
    data = tmp_path / "data" if kept else None
    assert git(checkout(url, "v1", tmp_path / "1", data), "describe") == "v1\n"
    made = checkout(url, "refs/tags/v2", tmp_path / "2", data)
    assert git(made, "cat-file", "-t", "v2") == "commit\n"
    assert git(made, "describe", "--tags") == "v2\n"


def test_runs_at_once_get_each_its_version(tmp_path: Path, url: str) -> None:
    def version(number: int) -> str:
        ref = f"v{number % 2 + 1}"
        made = checkout(url, ref, tmp_path / str(number), tmp_path / "data")
        return (made / "f").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(version, range(8))) == ["v1", "v2"] * 4


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b", "b"), ("a/b/", "b"), ("", "__unnamed__"), ("a%20b?c", "a b"), ("a%2Fb", "b")],
)
def test_what_the_file_of_an_url_is_called(path: str, name: str) -> None:
    assert downloads.file_name(f"https://x/{path}") == name


@pytest.mark.parametrize("path", ["a/..", "%2e%2e", "a%00b"])
def test_what_no_file_can_be_called(path: str) -> None:
    with pytest.raises(downloads.RemoteError, match="no name that a file can have"):
        downloads.file_name(f"https://x/{path}")
