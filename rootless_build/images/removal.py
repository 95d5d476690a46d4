"""Which images can be removed, in which order, what keeps the others, and what that frees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct

from rootless_build.backend.api import ImageLabel, StoredImage, StoredImages
from rootless_build.images.image_records import BuildRecord
from rootless_build.model import references
from rootless_build.model.text import shown


class Removal(Struct, frozen=True):
    """`images` in the order in which they can go, those that are made of others first. `stays` says
    why others can't, by their ids.
    """

    images: tuple[StoredImage, ...]
    stays: Mapping[str, str]


def decide(
    stored: StoredImages,
    wanted: Collection[str],
    names: Mapping[str, Collection[str]],
    needed: Mapping[str, str],
) -> Removal:
    """What of the images `wanted`, by their ids, can go.

    `names` are the names that rbuild gave each: with any other it stays. `needed` are images that
    something else than the engine knows of needs, and what that is.
    """
    stays: dict[str, str] = {}
    going: dict[str, StoredImage] = {}
    for image in sorted(stored.images, key=lambda image: (-len(image.ancestors), image.id)):
        if image.id not in wanted:
            continue
        why = needed.get(image.id) or _reason_to_keep(image, names.get(image.id, ()))
        above = [each for each in stored.images if image.id in each.ancestors]
        why = why or next(
            (
                f"the image {display_name(each)} is made of it"
                for each in above
                if each.id not in going
            ),
            "",
        )
        if why:
            stays[image.id] = why
        else:
            going[image.id] = image
    return Removal(tuple(going.values()), stays)


def decide_for_records(
    stored: StoredImages,
    record: Collection[BuildRecord],
    chosen: Callable[[BuildRecord], bool],
    needed: Mapping[str, str],
) -> Removal:
    """What can go of the images that the builds which are `chosen` made.

    `record` is all of what is on record about the storage. `needed` is as `decide` takes it.
    """
    wanted: set[str] = set()
    names: dict[str, set[str]] = {}
    for built in record:
        for each in built.ours:
            names.setdefault(each, set()).update(built.step.names)
        if chosen(built):
            wanted |= built.ours
    return decide(stored, wanted, names, needed)


def needed_by_records(
    record: Collection[BuildRecord],
    chosen: Callable[[BuildRecord], bool],
    busy: Callable[[BuildRecord], str],
) -> dict[str, str]:
    """What builds on record are made of that are not `chosen`, or where somebody works, and why.

    `busy` says who works where a build was made; empty for nobody.
    """
    needed: dict[str, str] = {}
    for built in record:
        if who := busy(built):
            needed |= dict.fromkeys(built.used, f"rbuild works in {built.step.project}: {who}")
        elif built.step.project and not chosen(built):
            why = f"the build of {built.step.project} uses it"
            needed = dict.fromkeys(built.used, why) | needed
    return needed


class Labelled(Struct, frozen=True):
    """Ids of images that are on no record, and have a label of rbuild's: what its history proves to
    be rbuild's, and what may be the user's own, made of such an image.
    """

    proven: frozenset[str]
    doubtful: frozenset[str]


def find_labelled(
    stored: StoredImages, record: Collection[BuildRecord], project: str | None
) -> Labelled:
    """The images that are on no record, and whose label alone says that rbuild built them for that
    project, or for any: before there were records, version 0.1.0 did.

    Without a name those are proven that a proven one was made from.
    """
    known = {each for built in record for each in built.ours}
    images = {image.id: image for image in stored.images if image.id not in known}
    labels = {each: ImageLabel.of(image.labels) for each, image in images.items()}
    found = {each for each, label in labels.items() if label and project in {None, label.project}}
    proven = {each for each in found if images[each].label_proves}
    below = {ancestor for each in proven for ancestor in images[each].ancestors}
    proven |= {each for each in found & below if not images[each].names}
    return Labelled(frozenset(proven), frozenset(found - proven))


def _reason_to_keep(image: StoredImage, names: Collection[str]) -> str:
    if image.containers:
        return f"the container {image.containers[0]} was made of it"
    if image.needed:
        return image.needed
    given = {references.canonical(name) for name in names}
    others = [name for name in image.names if references.canonical(name) not in given]
    return f"it is also called {others[0]}" if others else ""


def display_name(image: StoredImage) -> str:
    """What a person knows it by."""
    return shown(image.names[0]) if image.names else f"<none> {image.id[:12]}"


def freed_bytes(
    stored: StoredImages, removed: Collection[StoredImage], sizes: Mapping[str, int]
) -> Iterator[tuple[StoredImage, int | None]]:
    """Bytes that come back with each image, where they are removed one after the other.

    A layer comes back with the last image that has it, and not where something else keeps it.
    `sizes` are those of `Engine.layer_sizes`; None stands for what is not known.
    """
    users = Counter(layer for image in stored.images for layer in set(image.layers))
    users.update(stored.held)
    for image in removed:
        users.subtract(set(image.layers))
        gone = [layer for layer in dict.fromkeys(image.layers) if users[layer] == 0]
        known = all(layer in sizes for layer in gone) and (image.layers or image.id in sizes)
        size = sum(sizes.get(layer, 0) for layer in (*gone, image.id))
        yield image, size if known else None
