"""Images of several platforms in the storage of a podman service.

What a list is of it tells by the digests of manifests; which image has which it tells of all images
(podman 4.3.1).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, cast

from rbuild_containers.image_config import names_with_local
from rootless_build.backend import Image, ImageBuildError, Json, identities, programs, references

Rows = Sequence[Mapping[str, Json]]

_MAKING: Final = f"{references.OWN}list/"


class ServiceLists:
    """See `rootless_build.backend.api.ManifestLists`.

    `rows` gives what the service tells of all images, `is_list` whether one is a list.
    """

    def __init__(
        self,
        rows: Callable[[], Rows],
        is_list: Callable[[str], bool],
        command: Callable[..., programs.Completed],
    ) -> None:
        self._rows = rows
        self._is_list = is_list
        self._command = command

    def find(self, name: str) -> str | None:
        """The id of the list of that name."""
        wanted = names_with_local(name)
        for row in self._rows():
            names = cast("list[str] | None", row.get("Names") or row.get("RepoTags"))
            if wanted & set(names or ()) and self._is_list(str(row["Id"])):
                return str(row["Id"])
        return None

    def images(self, identity: str) -> frozenset[str]:
        """The ids of the images that a list is of; what is not there any more is a digest."""
        # Of what is no list it asks a registry.
        if not self._is_list(identity):
            return frozenset()
        told = self._command("manifest", "inspect", identity)
        if told.status != 0:
            return frozenset()
        known = {str(row.get("Digest")): str(row["Id"]) for row in self._rows()}
        return frozenset(known.get(digest, digest) for digest in _digests(told.text))

    def make(self, images: Sequence[Image], names: Sequence[str]) -> str:
        """A list of these images, under these names; gives its id."""
        # It has the names when it is whole: none of them ever stands for half of one.
        making = f"{_MAKING}{identities.of_this()}/{secrets.token_hex(8)}"
        self._do("manifest", "create", making)
        try:
            for image in images:
                self._do("manifest", "add", making, f"containers-storage:{image.id}")
            identity = self.find(making)
            if identity is None or self.images(identity) != {image.id for image in images}:
                message = f"the service put together another image of {', '.join(names)}"
                raise ImageBuildError(message)
            for name in names:
                self._do("tag", making, name)
        finally:
            self._command("manifest", "rm", making)
        return identity

    def name(self, identity: str, name: str) -> None:
        """Give a list one more name."""
        self._do("tag", identity, name)

    def _do(self, *words: str) -> None:
        done = self._command(*words)
        if done.status != 0:
            message = "podman's service could not put images of several platforms together"
            raise ImageBuildError(message, engine_words=done.words)


def _digests(told: str) -> Iterator[str]:
    listed = cast("dict[str, list[dict[str, Json]]]", json.loads(told)).get("manifests") or ()
    yield from (str(each["digest"]) for each in listed)
