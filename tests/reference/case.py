"""A case for the reference: a context as data, and the containerfile that is built from it.

What comes out is nowhere in a case: BuildKit says it (`tests.reference.record`), and what it said
is in tests/data/reference. A name is text in which a byte that is no UTF-8 is a lone surrogate, as
in `os.fsdecode`. All times are nanoseconds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from rootless_build.testing.base_root import BASE

TIME: Final = 1_500_000_000_123_456_789
"""When what says nothing else was changed. podman's rounding leaves its second as it is."""


@dataclass(frozen=True)
class File:
    """A file; `size` beyond its content is a hole."""

    content: str | bytes = ""
    mode: int = 0o644
    mtime: int = TIME
    xattrs: Mapping[str, str] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True)
class Directory:
    """A directory, which may have entries of its own in the context."""

    mode: int = 0o755
    mtime: int = TIME
    xattrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str
    mtime: int = TIME


@dataclass(frozen=True)
class HardLink:
    """One more name of a file that stands before it."""

    to: str


@dataclass(frozen=True)
class Fifo:
    """A pipe with a name, which nobody writes to."""

    mode: int = 0o644
    mtime: int = TIME


@dataclass(frozen=True)
class Member:
    """An entry of an archive. `type` is one of file, dir, link, hard, fifo, char."""

    name: str
    content: str = ""
    type: str = "file"
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    mtime: int = TIME
    xattrs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Archive:
    """A file that is a tar archive; `compression` is "", gz, bz2, xz or zst."""

    members: tuple[Member, ...] = ()
    compression: str = ""


Entry: TypeAlias = File | Directory | Link | HardLink | Fifo | Archive
Context: TypeAlias = Mapping[str, Entry | str]
"""By name. Text is the content of a file, or a link when it begins with `->`."""


@dataclass(frozen=True)
class Case:
    """See the module. `ignore` is the ignore file, `more` the contexts that have names; `web` is
    what a server has (`tests.reference.served`), by what is asked for: a link moves there.
    """

    name: str
    text: str
    context: Context = field(default_factory=dict)
    ignore: str | bytes | None = None
    more: Mapping[str, Context] = field(default_factory=dict)
    args: tuple[tuple[str, str], ...] = ()
    file: str = "Dockerfile"
    target: str | None = None
    named: bool = True
    """Whether the build is told where the containerfile is."""
    web: Context = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Contexts that have names and are URLs or repositories."""
    then: Context = field(default_factory=dict)
    """What the context has at a second build, whose image counts; all else is as it was."""

    def files(self) -> Context:
        """The context with the containerfile and the ignore file in it."""
        ignore = {} if self.ignore is None else {".dockerignore": File(self.ignore)}
        return {**self.context, **ignore, self.file: File(self.text)}


def scratch(*lines: str, head: str = "") -> str:
    """A containerfile: instructions on nothing."""
    return "\n".join([*head.splitlines(), "FROM scratch", *lines]) + "\n"


def on_base(*lines: str, head: str = "") -> str:
    """A containerfile: instructions on busybox."""
    return "\n".join([*head.splitlines(), f"FROM {BASE}", *lines]) + "\n"


def seen(*lines: str, head: str = "") -> str:
    """A containerfile: what instructions on busybox leave below /o, which is there for them.

    A RUN leaves its own marks in an image, so that none is in the stage that is recorded.
    """
    made = on_base(*lines, head=head).replace(f"FROM {BASE}", f"FROM {BASE} AS made\nRUN mkdir /o")
    return f"{made}FROM scratch\nCOPY --from=made /o/ /\n"


def digest(case: Case) -> str:
    """Of all that the case says but its name: a recording holds for what it was made of."""
    return digest_of(dataclasses.replace(case, name=""))


def digest_of(data: object) -> str:
    """Of dataclasses, mappings, tuples and text."""
    text = json.dumps(_plain(data), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: object) -> object:
    """For JSON. A field with its default is not there, so that a new one changes no digest."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        said = {
            each.name: _plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
            if getattr(value, each.name) != _default(each)
        }
        return {type(value).__name__: said}
    if isinstance(value, Mapping):
        return [[str(name), _plain(each)] for name, each in value.items()]
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value


def _default(each: dataclasses.Field[object]) -> object:
    if each.default_factory is not dataclasses.MISSING:
        return each.default_factory()
    return each.default
