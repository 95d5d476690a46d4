"""Images of several platforms in the storage of a podman service.

What a list is of it tells by the digests of manifests; which image has which it tells of all images
(podman 4.3.1).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from rbuild_containers import manifest_lists
from rbuild_containers.image_config import names_with_local
from rootless_build.backend import Image, Json, programs

Rows = Sequence[Mapping[str, Json]]


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
        return manifest_lists.put_together(self, self._command, images, names)

    def name(self, identity: str, name: str) -> None:
        """Give a list one more name."""
        manifest_lists.do(self._command, "tag", identity, name)


def _digests(told: str) -> Iterator[str]:
    listed = cast("dict[str, list[dict[str, Json]]]", json.loads(told)).get("manifests") or ()
    yield from (str(each["digest"]) for each in listed)
