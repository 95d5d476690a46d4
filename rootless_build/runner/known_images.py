"""The images of a run, by name."""

from __future__ import annotations

from collections.abc import Iterable

from rootless_build.backend.api import Engine, Image
from rootless_build.images.bases import substitutes as bases


class KnownImages:
    """Images that steps built, tagged or found fresh; others are looked for in storage."""

    def __init__(self) -> None:
        self._by_name: dict[str, Image] = {}

    def add(self, names: Iterable[str], image: Image) -> None:
        """Have the image found by these names."""
        self._by_name |= dict.fromkeys(names, image)

    def forget(self) -> None:
        """Look for all of them in storage: a command of this run may have given names anew."""
        self._by_name.clear()

    def get(self, name: str) -> Image | None:
        """The one of that name which a step of this run made or found."""
        return self._by_name.get(name)

    def find(self, name: str, engine: Engine) -> Image | None:
        """The image of that name that a step of this run made or found, or else the one in
        storage, be it a stand-in.
        """
        return self._by_name.get(name) or bases.in_storage(name, engine)
