"""tonistiigi/xx is made of a copy of its repository, in whatever form somebody has one."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.files import archives
from rootless_build.images.bases import packages, xx
from rootless_build.model.errors import StepFailedError, UsageError

IMAGE = "tonistiigi/xx:1.6.1"
DOCKERFILE = """\
FROM --platform=$BUILDPLATFORM alpine AS build
COPY xx-* /out/
RUN ln -s xx-cc /out/xx-clang && \\
    ln -s xx-cc /out/xx-c++
FROM scratch AS xx
COPY --from=build /out/ /usr/bin/
"""


def git(repository: Path, *words: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    subprocess.run([*command, *words], check=True, capture_output=True)


def scripts(directory: Path, version: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Dockerfile").write_text(DOCKERFILE)
    for name in ("xx-info", "xx-cc"):
        (directory / name).write_text(f"#!/bin/sh\necho {version}\n")
    (directory / "test-info.bats").write_text("")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A git repository in which 1.6.1 is a version of long ago."""
    repository = tmp_path / "clone"
    scripts(repository / "src", "1.6.1")
    git(tmp_path, "init", "-q", "-b", "master", str(repository))
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "x")
    git(repository, "tag", "v1.6.1")
    scripts(repository / "src", "later")
    git(repository, "commit", "-q", "-a", "-m", "y")
    return repository


def cut_short(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def scrambled(content: bytes) -> bytes:
    third = len(content) // 3
    return content[:third] + bytes(third) + content[2 * third :]


def made(source: Path | None, tmp_path: Path, image: str = IMAGE) -> dict[str, str]:
    """The names in the image, and what each has: a script's last word, a link's target."""
    place = tmp_path / "place"
    place.mkdir()
    xx.make_archive(image, source, tmp_path / "root.tar", place)
    found = {}
    with tarfile.open(tmp_path / "root.tar") as tar:
        for member in tar:
            assert (member.uid, member.gid, member.mode) == (0, 0, 0o755)
            file = tar.extractfile(member) if member.isfile() else None
            found[member.name] = file.read().decode().split()[-1] if file else member.linkname
    return found


def image(version: str) -> dict[str, str]:
    return {
        "usr/bin/xx-cc": version,
        "usr/bin/xx-info": version,
        "usr/bin/xx-clang": "xx-cc",
        "usr/bin/xx-c++": "xx-cc",
    }


def test_a_clone_gives_the_version_whatever_is_checked_out(clone: Path, tmp_path: Path) -> None:
    assert made(clone, tmp_path) == image("1.6.1")


def test_a_bare_clone_is_one(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(clone), str(tmp_path / "bare.git"))
    assert made(tmp_path / "bare.git", tmp_path) == image("1.6.1")


@pytest.mark.parametrize("place", ["", "src", "base", "xx-1.6.1/src"])
def test_a_directory_is_taken_as_it_is(tmp_path: Path, place: str) -> None:
    scripts(tmp_path / "copy" / place, "own")
    assert made(tmp_path / "copy", tmp_path) == image("own")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_as_hosts_of_repositories_give_it(tmp_path: Path, mode: str) -> None:
    scripts(tmp_path / "copy" / "base", "packed")
    with tarfile.open(tmp_path / "xx.tar", mode) as tar:  # type: ignore[call-overload]
        tar.add(tmp_path / "copy", "xx-1.2.1")
    assert made(tmp_path / "xx.tar", tmp_path) == image("packed")


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2", "w"])
@pytest.mark.parametrize("spoil", [cut_short, scrambled])
def test_an_archive_that_is_broken_is_refused(
    tmp_path: Path, mode: str, spoil: Callable[[bytes], bytes]
) -> None:
    scripts(tmp_path / "xx", "1.6.1")
    (tmp_path / "xx" / "xx-noise").write_bytes(os.urandom(100_000))
    archive, kind = tmp_path / "xx.tar", mode[2:]
    with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
        tar.add(tmp_path / "xx", "xx")
    whole = archive.read_bytes()
    archive.write_bytes(spoil(whole))
    if kind or spoil is cut_short:
        with pytest.raises(UsageError, match="no whole tar archive"):
            xx.make_archive(IMAGE, archive, tmp_path / "root.tar", tmp_path)
    for size in range(24):
        archive.write_bytes(whole[:size])
        assert not archives.is_tar(archive)


def test_a_dockerfile_that_is_no_text_is_read(tmp_path: Path) -> None:
    scripts(tmp_path / "xx", "1.6.1")
    (tmp_path / "xx" / "Dockerfile").write_bytes(b"# \xff\n" + DOCKERFILE.encode())
    assert made(tmp_path / "xx", tmp_path)["usr/bin/xx-clang"] == "xx-cc"


def test_without_one_the_repository_is_cloned_at_the_version(
    clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xx, "REPOSITORY", clone.as_uri())
    assert made(None, tmp_path) == image("1.6.1")


def test_a_repository_that_can_not_be_reached_says_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xx, "REPOSITORY", (tmp_path / "nowhere").as_uri())
    with pytest.raises(StepFailedError) as caught:
        made(None, tmp_path)
    assert "rbuild base --from DIR tonistiigi/xx:1.6.1" in caught.value.hint
    assert "nowhere" in caught.value.engine_words


def test_what_is_no_copy_is_refused(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for source, version, words in (
        (tmp_path / "file", "1.6.1", "is no whole tar archive"),
        (tmp_path / "empty", "1.6.1", "has no xx-info"),
        (clone, "9.9", "has no v9.9, which tonistiigi/xx:9.9 is made of"),
    ):
        with pytest.raises(UsageError, match=words):
            xx.make_archive(f"tonistiigi/xx:{version}", source, tmp_path / "root.tar", tmp_path)


def test_what_an_image_would_be_made_of(tmp_path: Path) -> None:
    assert (
        packages.describe("tonistiigi/xx:1.6.1", tmp_path) == f"the scripts of v1.6.1 in {tmp_path}"
    )
    assert packages.describe("docker.io/tonistiigi/xx:master").startswith(
        "the scripts of master in h"
    )
    assert packages.describe("x/y:1", tmp_path) == f"the root file system {tmp_path}"
    assert packages.describe("debian:12-slim") == "the packages of debian:bookworm"
    assert "Go 1.19.8 (golang-1.19-go)" in packages.describe("golang:1.19-bookworm")
    with pytest.raises(UsageError, match="there is no file or directory"):
        packages.describe("x/y:1", tmp_path / "gone")
