"""COPY, ADD and WORKDIR of a containerfile, as what the layer maker is asked for.

Facts: frontend/dockerfile/dockerfile2llb of moby/buildkit; docker 29.1 for what is copied where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from rootless_build.images.containerfile.gitref import GitRefError
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.stages import Scope, join
from rootless_build.images.containerfile.syntax import Heredoc, Instruction
from rootless_build.images.containerfile.words import Modes, expand
from rootless_build.images.layers.request import Copying, Directory, Inline, Source
from rootless_build.images.rewrite.downloads import RemoteError
from rootless_build.images.segments.remote import Remote, is_remote, is_set, read_remote
from rootless_build.model.structs import replace


class CopyError(Exception):
    """An instruction can't be done, and docker would refuse it too. `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Sources(Struct, frozen=True):
    """Where the files of a COPY or ADD come from.

    `context` gives the source at a path of the build context, `elsewhere` that at a path of what a
    name in `--from` stands for, `fetch` what is neither.
    """

    context: Callable[[str], Source]
    elsewhere: Callable[[str, str], Source]
    fetch: Callable[[Remote], Source]

    def of(self, written: str, origin: str, path: str) -> Source:
        """The source at a path of the `origin` that stands there as `written`. Raises CopyError."""
        if "$" in origin:
            raise CopyError(
                f"{written}: a variable can't stand there",
                "name a stage, FROM $NAME AS stage with an ARG before the first FROM, and take"
                " that",
            )
        return self.elsewhere(origin, path)


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

    taken = (
        _source(instruction, expand(word, scope.variables).text, checksum, sources)
        for word in written
    )
    return Copying(
        sources=(*together(taken), *_inline(instruction, scope)),
        destination=_destination(expand(destination, scope.variables).text, scope),
        add=instruction.keyword == "ADD",
        unpack=is_set(instruction, "unpack") if instruction.flag("unpack") else None,
        link=is_set(instruction, "link"),
        parents=is_set(instruction, "parents"),
        # Variables in it are not replaced (docker 29).
        exclude=tuple(flag.value or "" for flag in instruction.flags if flag.name == "exclude"),
        chown=value("chown"),
        chmod=value("chmod"),
    )


def together(sources: Iterable[Source]) -> Iterator[Source]:
    """Each with all that is sent of a build context: what any of them names."""
    sources = tuple(sources)
    directories = (each for each in sources if isinstance(each, Directory))
    sent = tuple(dict.fromkeys(path for each in directories for path in each.sent))
    for each in sources:
        yield replace(each, sent=sent) if isinstance(each, Directory) and each.sent else each


def _destination(text: str, scope: Scope) -> str:
    """Absolute, with a slash at its end where it can only be a directory."""
    path = join(scope.working_directory, text)
    is_directory = text in {"", "."} or text.endswith(("/", "/."))
    return f"{path}/" if is_directory and not path.endswith("/") else path


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
    if origin:
        return sources.of(f"--from={origin}", origin, word)
    if instruction.keyword != "ADD":
        return sources.context(word)
    try:
        remote = read_remote(instruction, word, checksum)
        return sources.context(word) if remote is None else sources.fetch(remote)
    except GitRefError as wrong:
        raise CopyError(str(wrong)) from wrong
    except RemoteError as wrong:
        raise CopyError(str(wrong), wrong.hint) from wrong


def _check_checksum(written: list[str]) -> None:
    """Raise CopyError where there is nothing, or more than one thing, that a checksum is of."""
    if len(written) != 1 or not is_remote(written[0]):
        raise CopyError("--checksum is for one source, which is an URL or a git repository")
