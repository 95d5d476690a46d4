"""Images of several platforms in the storage that podman and buildah share.

A manifest list is an image without layers there; `instances.json` beside its manifest says which
images it is of. (Seen with podman 4.3.1 and buildah 1.28.2.)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from rbuild_containers.image_config import names_with_local
from rbuild_containers.working import Storage
from rootless_build.backend import Image, ImageBuildError, identities, programs, references

_ID_DIGITS: Final = 64
_MAKING: Final = f"{references.OWN}list/"
"""Begins the name that a list has until it is whole; the process that makes it comes next."""

Command = Callable[..., programs.Completed]
"""Runs the engine's program with the words of a command."""


class StoredLists:
    """See `rootless_build.backend.api.ManifestLists`."""

    def __init__(self, storage: Storage, command: Command) -> None:
        self._storage = storage
        self._command = command

    def find(self, name: str) -> str | None:
        """The id of the list of that name."""
        wanted = names_with_local(name)
        for row in self._storage.rows("images"):
            if wanted & set(row.get("names") or ()) and instances_of(self._storage, row["id"]):
                return str(row["id"])
        return None

    def images(self, identity: str) -> frozenset[str]:
        """The ids of the images that a list is of."""
        return instances_of(self._storage, identity)

    def make(self, images: Sequence[Image], names: Sequence[str]) -> str:
        """A list of these images, under these names; gives its id."""
        self._remove_unfinished()
        return put_together(self, self._command, images, names)

    def name(self, identity: str, name: str) -> None:
        """Give a list one more name."""
        do(self._command, "tag", identity, name)

    def _remove_unfinished(self) -> None:
        """What killed processes left."""
        for row in self._storage.rows("images"):
            for name in row.get("names") or ():
                maker = str(name).removeprefix(_MAKING).partition("/")[0]
                if str(name).startswith(_MAKING) and not identities.lives(maker):
                    self._command("manifest", "rm", str(name))


class Lists(Protocol):
    """What finds a list, and the images that it is of."""

    def find(self, name: str) -> str | None:
        """The id of the list of that name."""

    def images(self, identity: str) -> frozenset[str]:
        """The ids of the images that a list is of."""


def put_together(
    lists: Lists, command: Command, images: Sequence[Image], names: Sequence[str]
) -> str:
    """Have the engine make a list of these images, under these names; gives its id.

    Raises ImageBuildError where it makes another one.
    """
    # It has the names when it is whole: none of them ever stands for half of one.
    making = f"{_MAKING}{identities.of_this()}/{secrets.token_hex(8)}"
    do(command, "manifest", "create", making)
    try:
        for image in images:
            do(command, "manifest", "add", making, f"containers-storage:{image.id}")
        identity = lists.find(making)
        if identity is None or lists.images(identity) != {image.id for image in images}:
            raise ImageBuildError(f"the engine put together another image of {', '.join(names)}")
        for name in names:
            do(command, "tag", making, name)
    finally:
        command("manifest", "rm", making)
    return identity


def do(command: Command, *words: str) -> None:
    """Have the engine do something of a list. Raises ImageBuildError."""
    done = command(*words)
    if done.status != 0:
        message = "the engine could not put images of several platforms together"
        raise ImageBuildError(message, engine_words=done.words)


def remove(
    storage: Storage, references: Sequence[str], words: Sequence[str], command: Command
) -> programs.Completed:
    """Remove lists and, with the `words` of the engine's own command, images, by names or ids.

    For a list that command removes the image of this host's platform in it (podman 4.3.1).
    """
    lists = _lists_among(storage, references)
    done = [command("manifest", "rm", each) for each in references if each in lists]
    images = [each for each in references if each not in lists]
    done += [command(*words, *images)] if images else []
    return next((each for each in done if each.status != 0), done[-1])


def _lists_among(storage: Storage, references: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for row in storage.rows("images"):
        called = {row["id"], *(row.get("names") or ())}.intersection(references)
        if called and instances_of(storage, row["id"]):
            found |= called
    return frozenset(found)


def instances_of(storage: Storage, image: str) -> frozenset[str]:
    """The ids of the images that a manifest list is of; none for what is an image."""
    place = storage.root / f"{storage.driver}-images" / image / "instances.json"
    try:
        told = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return frozenset()
    return frozenset(_identities(told)) if isinstance(told, dict) else frozenset()


def _identities(told: dict[str, object]) -> Iterator[str]:
    for digest, where in told.items():
        identity = str(where).rpartition("@")[2]
        if digest and len(identity) == _ID_DIGITS:
            yield identity
