"""ADD of a git repository: fetched on this host, and copied from there."""

from __future__ import annotations

from rootless_build.images.containerfile import gitref
from rootless_build.images.containerfile.edit import copy, with_parts
from rootless_build.images.containerfile.gitref import GitRef, GitRefError
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite import downloads
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import FILES, Site

_FOR_FILES = ("chown", "chmod", "link", "exclude")
_OF_GIT = ("keep-git-dir", "checksum")


def git(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A COPY of the checkout for each repository, after one of the other sources."""
    if instruction.keyword != "ADD":
        return None
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    *sources, destination = words
    found = [(word, _repository(word, at)) for word in sources]
    if not any(repository for _, repository in found):
        if instruction.flag("keep-git-dir"):
            at.note("git", "--keep-git-dir left out: no source is a git repository")
            flags = tuple(f for f in instruction.flags if f.name != "keep-git-dir")
            return (with_parts(instruction, flags, instruction.body, instruction.json),)
        return None
    if not at.work.takes_files:
        at.refuse("git", Feature.ADD_GIT, "the repository can't be given to the build")
        return None
    at.note("git", at.work.builder.why(Feature.ADD_GIT))
    others = [word for word, repository in found if repository is None]
    done: list[Instruction] = []
    if others:
        flags = tuple(f for f in instruction.flags if f.name not in _OF_GIT)
        done.append(with_parts(instruction, flags, " ".join([*others, destination]), None))
    flags = (Flag("from", FILES), *(f for f in instruction.flags if f.name in _FOR_FILES))
    for _, repository in found:
        if repository is not None:
            path = _fetch(repository, instruction, at)
            done.append(copy(instruction, flags, (f"{path}/",), destination))
    return tuple(done)


def _repository(word: str, at: Site) -> GitRef | None:
    try:
        return gitref.parse(expand(word, at.scope.variables).text)
    except (GitRefError, WordError) as wrong:
        raise at.error(str(wrong)) from wrong


def _fetch(repository: GitRef, instruction: Instruction, at: Site) -> str:
    flag = instruction.flag("keep-git-dir")
    keep = repository.keep_git_dir
    if flag is not None:
        wanted = (flag.value or "true").lower() == "true"
        if keep is not None and keep is not wanted:
            raise at.error("--keep-git-dir and keep-git-dir= contradict each other")
        keep = wanted
    checksum = instruction.value("checksum") or repository.checksum
    path = at.work.new_path("checkout")
    if at.work.directory is not None:
        try:
            downloads.checkout(
                repository,
                at.work.directory / path,
                keep_git_dir=bool(keep),
                checksum=checksum,
                data=at.work.data,
            )
        except downloads.RemoteError as wrong:
            raise at.error(str(wrong), wrong.hint) from wrong
    return path
