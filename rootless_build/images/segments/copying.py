"""COPY, ADD and WORKDIR of a containerfile, as what the layer maker is asked for.

Facts: frontend/dockerfile/dockerfile2llb of moby/buildkit; docker 29.1 for what is copied where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile import gitref
from rootless_build.images.containerfile.gitref import GitRef, GitRefError
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.stages import Scope, join
from rootless_build.images.containerfile.syntax import Heredoc, Instruction
from rootless_build.images.containerfile.words import Modes, expand
from rootless_build.images.layers.request import Copying, Directory, Downloaded, Inline, Source
from rootless_build.images.rewrite import downloads
from rootless_build.images.rewrite.downloads import RemoteError

_URLS: Final = ("http://", "https://")


class CopyError(Exception):
    """An instruction can't be done, and docker would refuse it too. `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Sources(Struct, frozen=True):
    """Where the files of a COPY or ADD come from.

    `context` gives the source at a path of the build context, `elsewhere` that at a path of what a
    name in `--from` stands for. `downloads` is a directory for what is fetched in this build,
    `kept` the user's own for what lasts longer.
    """

    context: Callable[[str], Source]
    elsewhere: Callable[[str, str], Source]
    downloads: Path
    kept: Path | None


def read_copy(instruction: Instruction, scope: Scope, sources: Sources) -> Copying:
    """What a COPY or ADD comes to. Raises CopyError, WordError."""
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    *written, destination = words
    checksum = expand(instruction.value("checksum") or "", scope.variables).text
    if instruction.value("checksum") is not None:
        _check_checksum([expand(word, scope.variables).text for word in written])
    if instruction.heredocs or instruction.json is not None:
        written = [word for word in written if heredoc_of(word) is None]

    def value(name: str) -> str:
        return expand(instruction.value(name) or "", scope.variables).text

    return Copying(
        sources=(
            *(
                _source(instruction, expand(word, scope.variables).text, checksum, sources)
                for word in written
            ),
            *_inline(instruction, scope),
        ),
        destination=_destination(expand(destination, scope.variables).text, scope),
        add=instruction.keyword == "ADD",
        unpack=_is_set(instruction, "unpack") if instruction.flag("unpack") else None,
        link=_is_set(instruction, "link"),
        parents=_is_set(instruction, "parents"),
        # Variables in it are not replaced (docker 29).
        exclude=tuple(flag.value or "" for flag in instruction.flags if flag.name == "exclude"),
        chown=value("chown"),
        chmod=value("chmod"),
    )


def _destination(text: str, scope: Scope) -> str:
    """Absolute, with a slash at its end where it can only be a directory."""
    path = join(scope.working_directory, text)
    is_directory = text in {"", "."} or text.endswith(("/", "/."))
    return f"{path}/" if is_directory and not path.endswith("/") else path


def _is_set(instruction: Instruction, name: str) -> bool:
    flag = instruction.flag(name)
    return flag is not None and (flag.value or "true").lower() == "true"


def _inline(instruction: Instruction, scope: Scope) -> Iterator[Inline]:
    for heredoc in instruction.heredocs:
        yield Inline(heredoc.name, _content(heredoc, scope))
    # In JSON it has no lines: docker 29 makes an empty file.
    found = map(heredoc_of, (instruction.json or ())[:-1])
    yield from (Inline(heredoc.name, b"") for heredoc in found if heredoc is not None)


def _content(heredoc: Heredoc, scope: Scope) -> bytes:
    text = heredoc.text
    if heredoc.expand:
        text = expand(text, scope.variables, "\\", Modes(plain=True)).text
    return text.encode(errors="surrogateescape")


def _source(instruction: Instruction, word: str, checksum: str, sources: Sources) -> Source:
    origin = instruction.value("from")
    if not origin:
        is_add = instruction.keyword == "ADD"
        fetched = _fetched(instruction, word, checksum, sources) if is_add else None
        return fetched or sources.context(word)
    if "$" in origin:
        raise CopyError(
            f"--from={origin}: a variable can't stand there",
            "name a stage, FROM $NAME AS stage with an ARG before the first FROM, and copy of that",
        )
    return sources.elsewhere(origin, word)


def _check_checksum(written: list[str]) -> None:
    """Raise CopyError where there is nothing, or more than one thing, that a checksum is of."""
    if len(written) != 1 or not (written[0].startswith(_URLS) or _is_repository(written[0])):
        raise CopyError("--checksum is for one source, which is an URL or a git repository")


def _is_repository(word: str) -> bool:
    try:
        return gitref.parse(word) is not None
    except GitRefError:
        return True  # what is wrong with it is said when it is fetched


# --- what ADD fetches ---------------------------------------------------------------------------


def _fetched(instruction: Instruction, word: str, checksum: str, sources: Sources) -> Source | None:
    """The source that is not a path; None for a path."""
    try:
        repository = gitref.parse(word)
        if repository is not None:
            return Directory(_check_out(repository, instruction, checksum, sources), "/")
        if word.startswith(_URLS):
            return _download(word, checksum, sources)
    except GitRefError as wrong:
        raise CopyError(str(wrong)) from wrong
    except RemoteError as wrong:
        raise CopyError(str(wrong), wrong.hint) from wrong
    return None


def _check_out(
    repository: GitRef, instruction: Instruction, checksum: str, sources: Sources
) -> Path:
    keep = repository.keep_git_dir
    if instruction.flag("keep-git-dir") is not None:
        wanted = _is_set(instruction, "keep-git-dir")
        if keep is not None and keep is not wanted:
            raise CopyError("--keep-git-dir and keep-git-dir= contradict each other")
        keep = wanted
    target = _new_place(sources.downloads) / "checkout"
    downloads.checkout(
        repository,
        target,
        keep_git_dir=bool(keep),
        checksum=checksum or repository.checksum,
        data=sources.kept,
    )
    return target


def _download(url: str, checksum: str, sources: Sources) -> Downloaded:
    name = downloads.file_name(url)
    target = _new_place(sources.downloads) / name
    if not checksum:
        modified = downloads.fetch(url, target)
    else:
        downloads.download(url, checksum, target, sources.kept)
        modified = target.stat().st_mtime
    return Downloaded(target, name, int(modified) or None)


def _new_place(directory: Path) -> Path:
    """A new directory in that one."""
    directory.mkdir(parents=True, exist_ok=True)
    place = directory / str(sum(1 for _ in directory.iterdir()))
    place.mkdir()
    return place
