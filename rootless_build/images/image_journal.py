"""The journal of an image build that goes on: what was in storage before, and each image since.

A lock on the file, and the process in its name, tell a build that goes on from one that was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, ValidationError, convert, to_builtins

from rootless_build.files import plain
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.process import identities as identity

_SHORTEST: Final = 11
"""Digits that engines print of an id (podman 4.3.1)."""


class Head(Struct, frozen=True):
    """The first line: what is built, by which backend, and the images that were there `before`.

    `project`, `key`, `names` and `base` are those of `image_records.StepIdentity`.
    """

    storage: str
    backend: str
    project: str
    key: str
    names: tuple[str, ...]
    base: bool
    before: tuple[str, ...]


class Content(Struct, frozen=True):
    """A journal that was read: the images that the engine told of, and the result, if any."""

    head: Head
    seen: tuple[str, ...]
    image: str

    def seen_among(self, images: frozenset[str]) -> set[str]:
        """The images of which the engine told; it prints the beginning of an id."""
        return {each for each in images if each.startswith(self.seen)}


class Journal:
    """The file of a build that goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, line: str) -> None:
        """Add a line. Raises OSError on a full disk."""
        os.write(self._descriptor, f"{line}\n".encode())

    def reporter(self, inner: StepReporter) -> StepReporter:
        """A reporter for the engine that notes each image, and hands all on to `inner`."""
        return _NotingReporter(inner, self._note_image)

    def note_result(self, image: str) -> None:
        """Note that the build ended with this image."""
        if image:
            self._note_image(f"={image.removeprefix('sha256:')}")

    def _note_image(self, image: str) -> None:
        # A full disk is no failure of the build: what is not on record stays.
        with contextlib.suppress(OSError):
            self.write(image)


@contextlib.contextmanager
def begin(file: Path, head: Head) -> Iterator[Journal]:
    """A new journal, locked while the context lasts. Raises OSError."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        with contextlib.suppress(OSError):  # not on NFS; the process in its name remains
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal = Journal(descriptor)
        journal.write(json.dumps(to_builtins(head)))
        yield journal
    finally:
        os.close(descriptor)


def read(file: Path) -> Content | None:
    """What a journal says; None for one that was cut off at once."""
    try:
        first, *lines = plain.text(file).split("\n")
        head = convert(json.loads(first), Head)
    except (OSError, ValueError, ValidationError):
        return None
    whole = [line for line in lines[:-1] if line]
    results = [line[1:] for line in whole if line.startswith("=")]
    words = (line.removeprefix("=") for line in whole)
    seen = tuple(word for word in words if len(word) >= _SHORTEST)
    return Content(head, seen, results[-1] if results else "")


def is_going_on(file: Path) -> bool:
    """Whether the build of a journal goes on: its process lives, or holds the lock."""
    if identity.lives(file.stem.partition("-")[2]):
        return True
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


class _NotingReporter(ForwardingReporter):
    def __init__(self, inner: StepReporter, note: Callable[[str], None]) -> None:
        super().__init__(inner)
        self._note = note

    def image(self, identity: str) -> None:
        """The engine has an image for an instruction."""
        self._note(identity.removeprefix("sha256:"))
        super().image(identity)
