"""Removes images one by one, and no other than those: what all engines have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rootless_build.backend import StoredImage, StoredImages


def remove_one_by_one(
    images: Sequence[StoredImage], now: StoredImages, remove: Callable[[str], str]
) -> Mapping[str, str]:
    """See `rootless_build.backend.api.Engine.remove_images`.

    `now` is what is in storage. `remove` is given names and ids: a name goes from an image that
    has another, an id goes with its last name. It returns the engine's words where one stays.
    """
    stored = {image.id: image for image in now.images}
    stays: dict[str, str] = {}
    for image in images:
        if image.id not in stored:
            continue
        others = set(stored[image.id].names) - set(image.names)
        made_of_it = [each for each in stays if image.id in stored[each].ancestors]
        if stored[image.id].needed:
            stays[image.id] = stored[image.id].needed
        elif others:
            stays[image.id] = f"it has the name {', '.join(sorted(others))} now"
        elif made_of_it:
            stays[image.id] = f"the image {made_of_it[0][:12]} is made of it"
        else:
            words = [remove(name) for name in (*stored[image.id].names[1:], image.id)]
            if any(words):
                stays[image.id] = next(filter(None, words))
    return stays


def pruned_with(images: Sequence[StoredImage], now: StoredImages) -> tuple[StoredImage, ...]:
    """The images that would go with these in an engine that removes what an image was made from
    as long as it has no name and nothing else needs it. At the first that stays it ends.
    """
    going = {image.id for image in images}
    kept = {below for each in now.images if each.id not in going for below in each.ancestors}
    stored = {image.id: image for image in now.images}
    found: dict[str, StoredImage] = {}
    for image in images:
        below = [stored[each] for each in image.ancestors if each in stored and each not in going]
        free = [each for each in below if not each.names and not each.containers]
        nearest = max(free, key=lambda each: len(each.ancestors), default=None)
        if nearest is not None and not kept & {nearest.id}:
            found[nearest.id] = nearest
    return tuple(found.values())
