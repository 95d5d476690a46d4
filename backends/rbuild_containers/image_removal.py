"""Removes images, and no other than those: what all engines have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from rootless_build.backend import StoredImage, StoredImages

Remove = Callable[[str], str]
"""Is given names and ids: a name goes from an image that has another, an id with its last name. It
returns the engine's words where one stays."""

_AT_ONCE: Final = 200
"""Images in one command: its arguments have a limit."""


def remove_one_by_one(
    images: Sequence[StoredImage], now: StoredImages, remove: Remove
) -> Mapping[str, str]:
    """See `rootless_build.backend.api.Engine.remove_images`. `now` is what is in storage."""
    stored = {image.id: image for image in now.images}
    stays: dict[str, str] = {}
    for image in _there(images, stored):
        if why := _reason_to_stay(image, stored, stays):
            stays[image.id] = why
            continue
        words = [remove(name) for name in (*stored[image.id].names[1:], image.id)]
        if any(words):
            stays[image.id] = next(filter(None, words))
    return stays


def remove_together(
    images: Sequence[StoredImage],
    now: StoredImages,
    remove_all: Callable[[Sequence[str]], object],
    ids: Callable[[], Collection[str]],
    remove: Remove,
) -> Mapping[str, str]:
    """As `remove_one_by_one`, in few commands where that comes to the same: a build of 20
    instructions leaves as many images, and a command is 0.05 s.

    `remove_all` is given ids, in the order in which they can go, and `ids` are those in storage. It
    is asked again one by one for what is still there, and for a reason.
    """
    stored = {image.id: image for image in now.images}
    stays: dict[str, str] = {}
    going: list[str] = []
    for image in _there(images, stored):
        if why := _reason_to_stay(image, stored, stays):
            stays[image.id] = why
        else:
            going.append(image.id)
    if len(going) < 2 or any(len(stored[each].names) > 1 for each in going):
        return remove_one_by_one(images, now, remove)
    for start in range(0, len(going), _AT_ONCE):
        remove_all(going[start : start + _AT_ONCE])
    left = ids()
    again = [image for image in images if image.id in left]
    return remove_one_by_one(again, now, remove) if again else {}


def _there(
    images: Sequence[StoredImage], stored: Mapping[str, StoredImage]
) -> Iterator[StoredImage]:
    return (image for image in images if image.id in stored)


def _reason_to_stay(
    image: StoredImage, stored: Mapping[str, StoredImage], stays: Mapping[str, str]
) -> str:
    """Why it can't go, where it is known without the engine that it can't. `stays` are others."""
    if stored[image.id].needed:
        return stored[image.id].needed
    if others := set(stored[image.id].names) - set(image.names):
        return f"it has the name {', '.join(sorted(others))} now"
    made_of_it = [each for each in stays if image.id in stored[each].ancestors]
    return f"the image {made_of_it[0][:12]} is made of it" if made_of_it else ""


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
