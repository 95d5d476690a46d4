"""What ADD has from elsewhere: what its words say, and how it is fetched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile import gitref
from rootless_build.images.containerfile.gitref import GitRef, GitRefError
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.layers.request import Directory, Downloaded
from rootless_build.images.rewrite import downloads
from rootless_build.process import left_behind

_URLS: Final = ("http://", "https://")


class Remote(Struct, frozen=True):
    """A source that is not a path: `word` as it is written, expanded. `repository` is None for the
    URL of a file.
    """

    word: str
    checksum: str = ""
    repository: GitRef | None = None
    keep_git_dir: bool = False


def read_remote(instruction: Instruction, word: str, checksum: str) -> Remote | None:
    """The source that a word is, None for a path. Raises GitRefError."""
    repository = gitref.parse(word)
    if repository is None:
        return Remote(word, checksum) if word.startswith(_URLS) else None
    keep = repository.keep_git_dir
    if instruction.flag("keep-git-dir") is not None:
        wanted = is_set(instruction, "keep-git-dir")
        if keep is not None and keep is not wanted:
            raise GitRefError("--keep-git-dir and keep-git-dir= contradict each other")
        keep = wanted
    return Remote(word, checksum or repository.checksum, repository, bool(keep))


def is_remote(word: str) -> bool:
    """Whether it is an URL or a git repository."""
    try:
        return word.startswith(_URLS) or gitref.parse(word) is not None
    except GitRefError:
        return True  # what is wrong with it is said when it is read


def is_set(instruction: Instruction, name: str) -> bool:
    """Whether a flag that is true or false is there and true."""
    flag = instruction.flag(name)
    return flag is not None and (flag.value or "true").lower() == "true"


class Fetching(Struct, frozen=True):
    """Fetches into a directory for what is `fetched` in this build; what is to last longer is
    `kept` in the user's own, if there is one.
    """

    fetched: Path
    kept: Path | None

    def fetch(self, remote: Remote) -> Directory | Downloaded:
        """The source, now that it is here. Raises RemoteError."""
        place = _new_place(self.fetched)
        if remote.repository is None:
            return self._download(remote, place)
        target = place / "checkout"
        downloads.checkout(
            remote.repository,
            target,
            keep_git_dir=remote.keep_git_dir,
            checksum=remote.checksum,
            data=self.kept,
        )
        return Directory(target, "/")

    def _download(self, remote: Remote, place: Path) -> Downloaded:
        name = downloads.file_name(remote.word)
        target = place / name
        # A server may be silent for a minute, which nobody waits for who wants to stop.
        modified = left_behind.leave_behind(lambda: self._fetch_file(remote, target))
        return Downloaded(target, name, int(modified) or None)

    def _fetch_file(self, remote: Remote, target: Path) -> float:
        """Fetch it; its time, 0 where the server does not say."""
        if not remote.checksum:
            return downloads.fetch(remote.word, target)
        downloads.download(remote.word, remote.checksum, target, self.kept)
        return target.stat().st_mtime


def _new_place(directory: Path) -> Path:
    """A new directory in that one."""
    directory.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=directory))
