"""Whether names are those of one image of several platforms, made of images that are known."""

from __future__ import annotations

from rootless_build.backend.api import ManifestLists


def is_of(names: tuple[str, ...], images: frozenset[str], lists: ManifestLists) -> bool:
    """Whether all names are those of a list of just these images."""
    found = {lists.find(name) for name in names}
    return None not in found and all(lists.images(each) == images for each in found if each)
