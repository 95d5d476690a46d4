"""What is asked of the maker of layers, and what it answers, as data: JSON in and out.

A request has one operation for each layer, in order: each sees the image with the layers before it.
Its tar is `NUMBER.tar` in the request's `output`, NUMBER counted from 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from rootless_build.model.structs import from_data

INDEX: Final = "files"
"""The file in which a request's output has the index of its last layer."""

T = TypeVar("T")


class Directory(msgspec.Struct, frozen=True, tag=True):
    """A source in a directory of the host, `path` as it is written: a build context, a named one,
    a checkout of git. Its files become root's.

    `ignored` are the lines of its ignore file, as `patterns.ignore_lines` gives them. `modified` is
    the time of all files, in seconds, where those in the directory mean nothing. `sent` are the
    paths, as they are written, of all sources and bind mounts that a build has from this directory,
    or an instruction where it has a name: BuildKit knows no other files of it. Without any it has
    all of them.
    """

    root: Path
    path: str
    ignored: tuple[str, ...] = ()
    modified: int | None = None
    sent: tuple[str, ...] = ()


class ImageFiles(msgspec.Struct, frozen=True, tag=True):
    """A source in an image or a stage, `path` as it is written. Owners are kept.

    `layers` are the directories in which the engine keeps its layers, the top one first.
    """

    layers: tuple[Path, ...]
    path: str


class Inline(msgspec.Struct, frozen=True, tag=True):
    """A heredoc: what becomes of its name and its lines when all is expanded."""

    name: str
    content: bytes


class Downloaded(msgspec.Struct, frozen=True, tag=True):
    """What ADD has fetched from a URL into a file of the host.

    `name` is what it is called. `modified` is what the server said, in seconds since 1970.
    """

    file: Path
    name: str
    modified: int | None = None


Source = Directory | ImageFiles | Inline | Downloaded
"""One source of a COPY or an ADD."""


class Copying(msgspec.Struct, frozen=True, tag=True):
    """A COPY, or an ADD, with its sources in the order in which BuildKit takes them: heredocs last.

    `destination` is absolute; a slash, or `/.`, at its end is kept. `chown` and `chmod` are as
    written, expanded, and empty where there are none. `unpack` is what `--unpack` says.
    """

    sources: tuple[Source, ...]
    destination: str
    add: bool = False
    unpack: bool | None = None
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    chown: str = ""
    chmod: str = ""


class WorkingDirectory(msgspec.Struct, frozen=True, tag=True):
    """A WORKDIR: an absolute path, which is made where there is nothing.

    `owner` is what the last USER says, empty for none.
    """

    path: str
    owner: str = ""


class Looking(msgspec.Struct, frozen=True, tag=True):
    """A source that has to be there, without wildcards; the layer of this is empty."""

    source: ImageFiles


class Becoming(msgspec.Struct, frozen=True, tag=True):
    """What makes the files of another image of those that there are, in one layer.

    `layers` are the directories of that image's layers, the top one first; none for no files.
    """

    layers: tuple[Path, ...]


class MountPoints(msgspec.Struct, frozen=True, tag=True):
    """What an engine's RUNs did to the image to mount something: it is put right.

    `before` are the directories of the layers that the RUNs came upon, which the base ends with
    where layers are kept by themselves. `always` are the absolute paths where each of them had
    something mounted, `last` those where only the last one had, whose layer is the base's first.
    `alone`: there was but one. `merge`: it is done in the layer of the operation that follows, if
    that is upon the image and puts nothing where this takes something away; its own is empty then.
    """

    before: tuple[Path, ...]
    always: tuple[str, ...]
    last: tuple[str, ...] = ()
    alone: bool = False
    merge: bool = False


Operation = Copying | WorkingDirectory | Looking | Becoming
"""What an instruction of a containerfile asks for, or the end of a build."""


def takes_of_host(operation: Operation | MountPoints) -> bool:
    """Whether it takes something of a directory of the host, or of what was fetched to it."""
    return isinstance(operation, Copying) and any(
        isinstance(source, Directory | Downloaded) for source in operation.sources
    )


def is_of_images_alone(operation: Operation | MountPoints) -> bool:
    """Whether it copies, and nothing of a directory of the host."""
    return isinstance(operation, Copying) and not takes_of_host(operation)


class Since(msgspec.Struct, frozen=True):
    """That a layer is to have but what changed since one that the same operation made of the same.

    `index` is that one's (`file_index`). `changed` are the files of the build context, by their
    paths in it, of which the bytes may be others; of all others they are not. More than a `share`
    of all files or bytes is no such layer.
    """

    index: Path
    changed: tuple[str, ...]
    share: float


class LayersRequest(msgspec.Struct, frozen=True):
    """The layers that are to be made.

    `base` are the directories of the layers of the image that they come upon, the top one first;
    there are none for `scratch`. `output` is an existing directory. `epoch` is SOURCE_DATE_EPOCH:
    the time of what has none of its own, in seconds since 1970.

    `index`: what the last of them holds is written to INDEX in the output, if all its bytes are
    known from where they come. `since`: the last of them has but what changed since then, and
    copies of images are not written. `groups`: the groups of root are asked for.
    """

    base: tuple[Path, ...]
    operations: tuple[Operation | MountPoints, ...]
    output: Path
    epoch: int | None = None
    index: bool = False
    since: Since | None = None
    groups: bool = False


class Layer(msgspec.Struct, frozen=True):
    """A layer that was made. `digest` is the sha256, in hex, of its tar, which is its diff id.

    `empty`: it changes nothing; the tar is there all the same, with no entry in it.
    """

    digest: str
    size: int
    entries: int = 0

    @property
    def empty(self) -> bool:
        """Whether the layer changes nothing."""
        return not self.entries


class Made(msgspec.Struct, frozen=True, tag=True):
    """The layers, one for each operation. `root_alone`: with them root is in no group but its own,
    which was asked for.
    """

    layers: tuple[Layer, ...]
    root_alone: bool = False


class Refused(msgspec.Struct, frozen=True, tag=True):
    """An operation, counted from 0, that BuildKit would refuse too, and why."""

    operation: int
    message: str


class Changed(msgspec.Struct, frozen=True, tag=True):
    """A file changed while it was read."""

    operation: int
    path: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """What the operating system would not do for an operation, counted from 0, or what else kept it
    from being done.
    """

    operation: int
    message: str


class NoOverlay(msgspec.Struct, frozen=True, tag=True):
    """The layers of an image can't be seen as one on this host, and why: an engine may do it all
    the same, in its own way.
    """

    message: str


class Uncertain(msgspec.Struct, frozen=True, tag=True):
    """What changed since (`Since`) can't be said for certain, and why."""

    message: str


Answer = Made | Refused | Changed | Failed | NoOverlay | Uncertain


class _Answered(msgspec.Struct, frozen=True):
    """Converting takes one class, not several."""

    answer: Answer


def request_line(request: LayersRequest) -> bytes:
    """A request as one line of JSON."""
    return _line(request)


def read_request(line: bytes) -> LayersRequest:
    """What `request_line` wrote. Raises ValueError."""
    return _read(line, LayersRequest)


def answer_line(answer: Answer) -> bytes:
    """An answer as one line of JSON."""
    return _line(_Answered(answer))


def read_answer(line: bytes) -> Answer:
    """What `answer_line` wrote. Raises ValueError."""
    return _read(line, _Answered).answer


def _line(data: msgspec.Struct) -> bytes:
    # msgspec's own JSON has no place for names that are not UTF-8.
    return json.dumps(msgspec.to_builtins(data, enc_hook=str)).encode() + b"\n"


def _read(line: bytes, kind: type[T]) -> T:
    return from_data(json.loads(line), kind)
