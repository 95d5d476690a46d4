"""The part of a made-up engine in which nothing happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from rootless_build.backend.api import (
    ALL_KINDS,
    Image,
    Leftover,
    LeftoverKind,
    StoredImage,
    StoredImages,
    UserNamespace,
)
from rootless_build.model.plan import Pairs, RunContainer


class IdleEngine:
    """Nothing is left in it, and all files are the caller's."""

    @property
    def user_namespace(self) -> UserNamespace | None:
        return None

    def copy_size(self, step: RunContainer, image: Image) -> int | None:
        return None

    @property
    def storage(self) -> str:
        return "idle"

    def image_ids(self) -> frozenset[str]:
        return frozenset()

    def stored_images(self) -> StoredImages:
        return StoredImages(())

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        return {}

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        raise NotImplementedError

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        raise NotImplementedError

    def tag_image(self, image: Image, name: str) -> None:
        raise NotImplementedError

    def remove_volume(self, name: str) -> bool:
        return False

    def give_back(self, directory: Path) -> None:
        """All is ours."""

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        return ()

    def remove(self, leftover: Leftover) -> None:
        raise NotImplementedError


class LocalEngine(IdleEngine):
    """One on this host, with no image in its storage."""

    remote = False

    def find_image(self, reference: str) -> Image | None:
        return None


class EngineWith(IdleEngine):
    """In its storage are some things; `removed` are those that went."""

    def __init__(self, *left: Leftover) -> None:
        self.left = left
        self.removed: list[Leftover] = []

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        return [one for one in self.left if one.kind in kinds and one not in self.removed]

    def remove(self, leftover: Leftover) -> None:
        self.removed.append(leftover)
